"""Draw docs/layers.svg: the layers of the code, their rooms, and which room imports which.

    scripts/draw_layers.py            write the picture
    scripts/draw_layers.py --check    fail when it is not what the imports say now

A room is a folder; modules at the root of a package are named beside its layer. A room imports nothing of the rows
above it, and an arrow that follows from others is left out, as are those to lower layers, which every room may import.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "layers.svg"
ROOF = {"apps", "asgi", "busy", "error_pages", "lost_values", "settings", "urls"}
"""Modules of ``terrakube_site`` that put the applications together; the rest is their ground floor."""
LAYERS = ("terrakube_site: roof", "tfe", "executors", "vcs", "workspaces", "terrakube_site: ground floor")
_BOX_WIDTH, _BOX_HEIGHT, _GAP, _MARGIN, _HEAD, _COLUMNS = 168, 38, 22, 24, 34, 6

Edges = dict[str, set[str]]


def place_of(module: str) -> tuple[str, str]:
    """Return the layer of a module, and its room or, at the root of a package, its own name with a dot before it."""
    package, *below = module.split(".")
    name = below[0] if below else ""
    layer = package if package != "terrakube_site" else LAYERS[0] if name in ROOF else LAYERS[-1]
    return layer, name if (ROOT / package / name).is_dir() else f".{name}"


def layers_and_edges(graph: grimp.ImportGraph) -> tuple[dict[str, set[str]], Edges]:
    """Return what each layer holds, as "layer/room", and for each of these the others of its layer that it imports."""
    held: dict[str, set[str]] = {layer: set() for layer in LAYERS}
    edges: Edges = {}
    for module in graph.modules:
        if "." not in module or ".migrations" in module or ".management" in module:
            continue
        layer, name = place_of(module)
        held[layer].add(f"{layer}/{name}")
        for imported in graph.find_modules_directly_imported_by(module):
            other_layer, other = place_of(imported)
            if layer == other_layer and name != other:
                edges.setdefault(f"{layer}/{name}", set()).add(f"{layer}/{other}")
    return held, edges


def through_root(edges: Edges) -> Edges:
    """Return the edges between rooms alone: what a room imports through a module at the root it imports itself."""

    def rooms_below(place: str, seen: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for following in edges.get(place, ()):
            if "/." not in following:
                found.add(following)
            elif following not in seen:
                found |= rooms_below(following, seen | {following})
        return found - {place}

    return {place: rooms_below(place, frozenset()) for place in edges if "/." not in place}


def reduced(edges: Edges) -> Edges:
    """Return the edges without those that others lead to as well."""

    def reachable(start: str, without: tuple[str, str]) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            room = stack.pop()
            for following in edges.get(room, ()):
                if (room, following) != without and following not in seen:
                    seen.add(following)
                    stack.append(following)
        return seen

    return {
        room: {following for following in followings if following not in reachable(room, (room, following))}
        for room, followings in edges.items()
    }


def ranks(rooms: Iterable[str], edges: Mapping[str, set[str]]) -> dict[str, int]:
    """Return how far each room is from those that import nothing of its layer."""
    found: dict[str, int] = {}

    def rank(room: str, path: tuple[str, ...] = ()) -> int:
        if room not in found:
            below = [other for other in edges.get(room, ()) if other in names and other not in path]
            found[room] = 1 + max((rank(other, (*path, room)) for other in sorted(below)), default=-1)
        return found[room]

    names = set(rooms)
    for room in sorted(names):
        rank(room)
    return found


def picture() -> str:
    """Return the SVG's text."""
    graph = grimp.build_graph("terrakube_site", "workspaces", "vcs", "executors", "tfe")
    held, direct = layers_and_edges(graph)
    all_edges = through_root(direct)
    edges = reduced(all_edges)
    width = 2 * _MARGIN + _COLUMNS * (_BOX_WIDTH + _GAP)
    place: dict[str, tuple[int, int]] = {}
    bands, top = [], _MARGIN
    for layer in LAYERS:
        names = {place for place in held[layer] if "/." not in place}
        root = ", ".join(sorted(place.partition("/.")[2] for place in held[layer] - names))
        rank = ranks(names, all_edges)
        y = top + _HEAD
        for level in sorted(set(rank.values()), reverse=True):
            row = sorted(name for name in names if rank[name] == level)
            for start in range(0, len(row), _COLUMNS):
                for column, name in enumerate(row[start : start + _COLUMNS]):
                    place[name] = (_MARGIN + _GAP // 2 + column * (_BOX_WIDTH + _GAP), y)
                y += _BOX_HEIGHT + _GAP
        bands.append((layer, root, top, y - top))
        top = y + _GAP
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" font-family="sans-serif" font-size="13">',
        "<title>Layers and rooms; an arrow leads from a room to one that it imports</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
        f'<rect width="{width}" height="{top}" fill="#ffffff"/>',
    ]
    for layer, root, y, height in bands:
        out.append(
            f'<rect x="{_MARGIN // 2}" y="{y}" width="{width - _MARGIN}" height="{height}" rx="8" fill="#f1f5f9"/>'
        )
        out.append(
            f'<text x="{_MARGIN}" y="{y + 21}" fill="#0f172a"><tspan font-weight="bold">{escape(layer)}</tspan>'
            f'<tspan dx="12" fill="#475569">{escape(root)}</tspan></text>'
        )
    for room in sorted(edges):
        for following in sorted(edges[room]):
            (x1, y1), (x2, y2) = place[room], place[following]
            left, right = x1 + _BOX_WIDTH // 2, x2 + _BOX_WIDTH // 2
            above = y1 + _BOX_HEIGHT
            middle = (above + y2) // 2
            out.append(
                f'<path d="M{left} {above} C{left} {middle} {right} {middle} {right} {y2}" '
                'fill="none" stroke="#64748b" stroke-opacity="0.45" marker-end="url(#head)"/>'
            )
    for name, (x, y) in sorted(place.items()):
        out.append(
            f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6" fill="#fff" stroke="#334155"/>'
        )
        label = escape(name.partition("/")[2])
        out.append(f'<text x="{x + _BOX_WIDTH // 2}" y="{y + 24}" text-anchor="middle" fill="#0f172a">{label}</text>')
    return "\n".join([*out, "</svg>", ""])


def main() -> int:
    """Write the picture, or compare it."""
    sys.path.insert(0, str(ROOT))
    text = picture()
    if "--check" not in sys.argv:
        PICTURE.write_text(text, encoding="utf-8")
        return 0
    if PICTURE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/layers.svg is not what the imports say: make format draws it again")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
