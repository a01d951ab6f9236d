"""A contract for import-linter: modules that stand on the standard library alone."""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression


class StandardLibraryOnly(Contract):
    """Modules, with all below them, that import the standard library, each other and nothing else.

    The packages around them run before they do, so their `__init__` is held to the same. New modules below them, and
    packages which the project depends on only later, are covered without a new line here.
    """

    type_name = "standard_library_only"
    modules = fields.SetField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every direct import of the modules with what they may import."""
        expressions = cast("set[ModuleExpression]", self.modules)  # a field answers with its value on an instance
        roots = {str(module) for module in module_expressions_to_modules(graph, expressions)}
        ours = roots.union(*(graph.find_descendants(root) for root in roots))
        packages = {name.rpartition(".")[0] for name in roots} - {""}
        broken = sorted(
            f"{importer} -> {imported} (line {detail['line_number']})"
            for importer in ours | packages
            for imported in graph.find_modules_directly_imported_by(importer)
            if imported not in ours and imported.partition(".")[0] not in sys.stdlib_module_names
            for detail in graph.get_import_details(importer=importer, imported=imported)
        )
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that go too far."""
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)
