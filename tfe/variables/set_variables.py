"""Variables of a set: the items of a collection."""

from __future__ import annotations

from http import HTTPStatus

from rest_framework.request import Request
from rest_framework.response import Response

from tfe.body import body_of
from tfe.documents import document, whole_document
from tfe.errors import NotFound
from tfe.lookup import key_of
from tfe.variables.documents import variable_object
from tfe.variables.input import new_variable, variable_changes
from tfe.variables.sets import set_of
from tfe.views import TfeView
from workspaces.models import Item
from workspaces.services.records import create_record, delete_record, require_right, update_record


class SetVariablesView(TfeView):
    """``varsets/ID/relationships/vars``."""

    def get(self, request: Request, varset_id: str) -> Response:
        found = set_of(self.actor, varset_id)
        rows = Item.objects.visible_to(self.actor).filter(collection=found).order_by("key")
        return Response(whole_document([variable_object(row) for row in rows]))

    def post(self, request: Request, varset_id: str) -> Response:
        found = set_of(self.actor, varset_id)
        require_right(Item(collection=found), by=self.actor, verb="create")
        fields = new_variable(body_of(request, "vars"))
        row = create_record(Item(collection=found, **fields), by=self.actor)
        return Response(document(variable_object(row)), status=HTTPStatus.CREATED)


class SetVariableView(TfeView):
    """``varsets/ID/relationships/vars/ID``."""

    def get(self, request: Request, varset_id: str, item_id: str) -> Response:
        return Response(document(variable_object(self._item(varset_id, item_id))))

    def patch(self, request: Request, varset_id: str, item_id: str) -> Response:
        row = self._item(varset_id, item_id)
        require_right(row, by=self.actor, verb="change")
        update_record(row, variable_changes(body_of(request, "vars")), by=self.actor)
        return Response(document(variable_object(row)))

    def delete(self, request: Request, varset_id: str, item_id: str) -> Response:
        delete_record(self._item(varset_id, item_id), by=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _item(self, varset_id: str, item_id: str) -> Item:
        found = set_of(self.actor, varset_id)
        row: Item | None = Item.objects.visible_to(self.actor).filter(collection=found, pk=key_of(item_id)).first()
        if row is None:
            raise NotFound
        row.collection = found
        return row
