"""Take the changes that the audit log has already into the histories of workspaces and organizations.

Of a record that is gone the log's own entries say where it belonged, as far as they do; the others stay in the list of
all changes.
"""

from typing import Any
from uuid import UUID

from django.db import migrations

BATCH = 1000
_OWNERS = ("workspace", "organization", "project", "collection", "webhook", "vcs", "hook")
_VERBS = {0: "created", 1: "changed", 2: "deleted"}
# The organization and the workspace of a record, by its model and key; None where it has none.
type Places = dict[tuple[str, str], tuple[str | None, str | None]]


def _uuid(text: str | None) -> str | None:
    try:
        return str(UUID(text)) if text else None
    except ValueError:
        return None


def _owners(apps: Any, app: str, model: str, keys: list[str], alias: str) -> dict[str, dict[str, str]]:
    """Return which records own those of a model that still exist."""
    try:
        known = apps.get_model(app, model)
    except LookupError:
        return {}
    names = [field.name for field in known._meta.fields if field.is_relation and field.name in _OWNERS]
    own = known._meta.pk.get_internal_type() == "UUIDField"
    keys = [key for key in keys if (_uuid(key) if own else key.isdecimal())]
    if not names or not keys:
        return {}
    rows = known._base_manager.using(alias).filter(pk__in=keys).values_list("pk", *(f"{name}_id" for name in names))
    return {
        str(pk): {name: str(key) for name, key in zip(names, found, strict=True) if key is not None}
        for pk, *found in rows
    }


def _place(model: str, key: str, owners: dict[str, str], places: Places) -> tuple[str | None, str | None]:
    if model == "organization":
        return key, None
    if model == "workspace":
        known = owners.get("organization") or places.get((model, key), (None, None))[0]
        return known, key
    for name in _OWNERS:
        if name not in owners:
            continue
        if name == "organization":
            return owners[name], None
        owner = "repositoryhook" if name == "hook" else name
        found = places.get((owner, owners[name]), (None, None))
        return found[0], owners[name] if name == "workspace" else found[1]
    return places.get((model, key), (None, None))


def fill(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias

    def rows(app: str, name: str) -> Any:
        return apps.get_model(app, name)._base_manager.using(alias)

    history = apps.get_model("workspaces", "HistoryEntry")
    places: Places = {}
    names: dict[str, str] = {}
    for key, organization, name in rows("workspaces", "Workspace").values_list("pk", "organization_id", "name"):
        places["workspace", str(key)] = (str(organization), str(key))
        names[str(key)] = name
    for model in ("project", "collection", "vcs"):
        for key, organization in rows("workspaces", model).values_list("pk", "organization_id"):
            places[model, str(key)] = (str(organization), None)
    for key, workspace in rows("workspaces", "Webhook").values_list("pk", "workspace_id"):
        places["webhook", str(key)] = places.get(("workspace", str(workspace)), (None, str(workspace)))
    kinds = {
        one.pk: (one.app_label, one.model)
        for one in rows("contenttypes", "ContentType").filter(app_label__in=["workspaces", "vcs"])
    }
    people = {pk: email or name for pk, email, name in rows("auth", "User").values_list("pk", "email", "username")}
    entries = rows("auditlog", "LogEntry").filter(content_type__in=list(kinds), action__in=list(_VERBS), history=None)
    last = 0
    while batch := list(entries.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        by_kind: dict[int, list[str]] = {}
        for entry in batch:
            by_kind.setdefault(entry.content_type_id, []).append(entry.object_pk)
        owners = {kind: _owners(apps, *kinds[kind], keys, alias) for kind, keys in by_kind.items()}
        made = []
        for entry in batch:
            _app, model = kinds[entry.content_type_id]
            changes = entry.changes if isinstance(entry.changes, dict) else {}
            own = dict(owners[entry.content_type_id].get(entry.object_pk, {}))
            for name in _OWNERS:
                told = [str(key) for key in changes.get(name, ()) if str(key) not in {"None", ""}]
                if told and entry.action != 1:
                    own.setdefault(name, told[-1])
            place = _place(model, entry.object_pk, own, places)
            places[model, entry.object_pk] = place
            if model == "workspace":
                names.setdefault(entry.object_pk, entry.object_repr)
            made.append(
                history(
                    at=entry.timestamp,
                    organization_key=_uuid(place[0]),
                    workspace_key=_uuid(place[1]),
                    workspace_name=names.get(place[1] or "", "")[:256],
                    kind=model[:32],
                    record=entry.object_repr[:256],
                    record_key=entry.object_pk[:64],
                    verb=_VERBS[entry.action],
                    changed_fields=", ".join(changes) if entry.action == 1 else "",
                    who=people.get(entry.actor_id, "")[:256],
                    # Only users of the panel were known to the log.
                    who_kind="person" if entry.actor_id is not None else "site",
                    door="panel" if entry.actor_id is not None else "site",
                    log_entry_id=entry.pk,
                )
            )
        history._base_manager.using(alias).bulk_create(made, batch_size=200)


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0049_drift")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
