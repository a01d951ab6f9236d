"""Dependencies between resources of a plan, from the tool's own graph and from the state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .addresses import Address, read_address

_EDGE = re.compile(r'^\s*"((?:[^"\\]|\\.)*)" -> "((?:[^"\\]|\\.)*)"')
_ROOT = "[root] "
_OUTPUT = re.compile(r"\[root\] output\.(\S+)(?: \([^()]*\))?")
_SUFFIX = re.compile(r" \([^()]*\)$")


@dataclass(slots=True)
class Dependencies:
    """Edges between resources of the configuration, from the dependent to its dependency.

    ``outputs`` are the resources next to each output of the root module.
    """

    needs: dict[Address, set[Address]] = field(default_factory=dict)
    outputs: dict[str, set[Address]] = field(default_factory=dict)

    def add(self, resource: Address, needed: Address) -> None:
        """Record that a resource depends on another; a resource never depends on itself."""
        if resource != needed:
            self.needs.setdefault(resource, set()).add(needed)

    def needed_by(self, targets: Iterable[Address]) -> set[Address]:
        """Return the resources that terraform plans because a target depends on them, without the targets."""
        wanted = [target.without_keys for target in targets]
        start = {resource for resource in self.needs if any(target.covers(resource) for target in wanted)}
        found = set(start)
        waiting = list(start)
        while waiting:
            for needed in self.needs.get(waiting.pop(), ()):
                if needed not in found:
                    found.add(needed)
                    waiting.append(needed)
        return {resource for resource in found if not any(target.covers(resource) for target in wanted)}

    def depending_on(self, targets: Iterable[Address], instances: Iterable[Address]) -> set[Address]:
        """Return the instances that a destroy includes because they depend on a target.

        Instances of one module do not depend on those of its other instances.
        """
        dependents: dict[Address, list[Address]] = {}
        for resource, needed in self.needs.items():
            for one in needed:
                dependents.setdefault(one, []).append(resource)
        by_resource: dict[Address, list[Address]] = {}
        for instance in instances:
            by_resource.setdefault(instance.without_keys, []).append(instance)
        wanted = list(targets)
        found = {one for rows in by_resource.values() for one in rows if any(target.covers(one) for target in wanted)}
        waiting = list(found)
        while waiting:
            instance = waiting.pop()
            for resource in dependents.get(instance.without_keys, ()):
                for other in by_resource.get(resource, ()):
                    if other not in found and not _in_other_instance(instance, other):
                        found.add(other)
                        waiting.append(other)
        return found


def _in_other_instance(one: Address, other: Address) -> bool:
    return one.module_names == other.module_names and one.modules != other.modules


def read_dependencies(graph: str, plan: Mapping[str, Any], *, destroys: bool) -> Dependencies:
    """Parse the edges of `graph -type=plan`, as DOT.

    A plan that destroys follows its prior state too; every other one follows the configuration alone.
    """
    found = Dependencies()
    _from_graph(graph, found)
    for row in _prior_resources(plan) if destroys else ():
        resource = read_address(str(row.get("address")))
        for text in row.get("depends_on") or ():
            needed = read_address(str(text))
            if resource is not None and needed is not None:
                found.add(resource.without_keys, needed.without_keys)
    return found


def prior_instances(plan: Mapping[str, Any]) -> set[Address]:
    """Return the instances in the state when the plan was made."""
    found = (read_address(str(row.get("address"))) for row in _prior_resources(plan))
    return {address for address in found if address is not None}


def _from_graph(graph: str, found: Dependencies) -> None:
    nodes: dict[str, list[str]] = {}
    for line in graph.splitlines():
        match = _EDGE.match(line)
        if match:
            nodes.setdefault(match[1], []).append(match[2])
    resources = {node: resource for node in _all_nodes(nodes) if (resource := _resource(node)) is not None}
    for node, resource in resources.items():
        for needed in _next_resources(node, nodes, resources):
            found.add(resource, needed)
    for node in nodes:
        output = _OUTPUT.fullmatch(node)
        if output:
            found.outputs[output[1]] = _next_resources(node, nodes, resources)


def _next_resources(node: str, nodes: Mapping[str, list[str]], resources: Mapping[str, Address]) -> set[Address]:
    """Return the first resources on each path from a node: through locals, variables, outputs, providers and
    modules.
    """
    found: set[Address] = set()
    seen, waiting = {node}, [node]
    while waiting:
        for target in nodes.get(waiting.pop(), ()):
            if target in seen:
                continue
            seen.add(target)
            if target in resources:
                found.add(resources[target])
            else:
                waiting.append(target)
    return found


def _all_nodes(nodes: Mapping[str, list[str]]) -> set[str]:
    return {*nodes, *(target for targets in nodes.values() for target in targets)}


def _resource(node: str) -> Address | None:
    text = node.replace('\\"', '"').replace("\\\\", "\\").removeprefix(_ROOT)
    address = read_address(_SUFFIX.sub("", text))
    return None if address is None or address.is_module else address.without_keys


def _prior_resources(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    module = ((plan.get("prior_state") or {}).get("values") or {}).get("root_module") or {}
    waiting = [module]
    while waiting:
        module = waiting.pop()
        yield from module.get("resources") or ()
        waiting.extend(module.get("child_modules") or ())
