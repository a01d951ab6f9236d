"""Rows of a record on its own page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib.admin.widgets import AutocompleteMixin
from django.db import models
from django.forms import ModelChoiceField
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet

from workspaces.admin.base import RightsMixin, with_nothing_said, wrong_settings
from workspaces.admin.related_choices import RecordSelect, may_be_key, offer_within


class _ChoicesOnce(ModelChoiceIterator):  # type: ignore[type-arg]
    """The choices of a field, read for the first row that shows them; the field and its copies share ``found``."""

    def __init__(self, field: Any, *, found: list[Any]) -> None:
        super().__init__(field)
        self._found = found

    def __iter__(self) -> Iterator[Any]:
        if not self._found:
            self._found.extend(super().__iter__())
        return iter(self._found)


def same_for_all_rows(field: Any) -> Any:
    """Let the rows of one page, which have a copy of the field each, read its choices from the database only once."""
    if isinstance(field, ModelChoiceField) and not isinstance(field.widget, AutocompleteMixin):
        iterator: Any = partial(_ChoicesOnce, found=[])
        field.iterator = iterator
        # The widget has the choices as the field makes them when its records are set.
        field.queryset = field.queryset
    return field


class RowFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """Rows of a record, some of them on each page.

    The empty row is built once, because a page uses it several times. The names of related records are read for all
    rows at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound and self.per_page:
            # What was shown, though rows that came or went since have moved it to another page.
            name, count = self.model._meta.pk.name, self.initial_form_count()
            sent = [self.data.get(f"{self.add_prefix(number)}-{name}") for number in range(count)]
            self._queryset = self.queryset.filter(pk__in=[key for key in sent if may_be_key(self.model, key)])
        rows = list(self.get_queryset()) if any(self._selects()) else []
        for field, select in self._selects() if rows else ():
            keys = {getattr(row, row._meta.get_field(field).attname) for row in rows}
            records = select.choices.queryset.in_bulk([key for key in keys if key is not None])
            select.names = {str(key): select.choices.field.label_from_instance(one) for key, one in records.items()}

    def _selects(self) -> Iterator[tuple[str, RecordSelect]]:
        for name, field in self.form.base_fields.items():
            if isinstance(field.widget, RecordSelect):
                yield name, field.widget

    @cached_property
    def empty_form(self) -> Any:
        return super().empty_form

    def initial_form_count(self) -> int:
        # Asked for several times for each row.
        return int(super().initial_form_count()) if self.is_bound else self._count_shown

    @cached_property
    def _count_shown(self) -> int:
        return int(super().initial_form_count())


class RecordInline(RightsMixin, TabularInline):  # type: ignore[misc]
    """Rows of a record on its own page; users who may change the record may change them."""

    extra = 0
    formset = RowFormSet
    per_page = 100
    # The first field already shows a row's name.
    show_title = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = super().get_queryset(request)
        # Who may only read sees the names of related records.
        related = {field.name for field in self.model._meta.fields if isinstance(field, models.ForeignKey)}
        if shown := related.intersection(self.fields or ()):
            found = found.select_related(*shown)
        return found if found.ordered else found.order_by("pk")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.form.wrong_settings = wrong_settings(request)
        offer_within(formset.form.base_fields, obj)
        return formset

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RecordSelect(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[no-any-return]

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = with_nothing_said(super().formfield_for_dbfield(db_field, request, **kwargs))
        if field is not None:
            # Each row asks for both, and would translate them anew.
            field.label, field.help_text = str(field.label or db_field.verbose_name), str(field.help_text)
            # The heading of a column is not read out with each field below it.
            field.widget.attrs.setdefault("aria-label", field.label)
        return same_for_all_rows(field)
