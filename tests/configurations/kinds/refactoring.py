"""moved, import and removed blocks."""

from tests.configurations.case import APPLY, DESTROY, PLAN, Case, Round, case, matrix_case

_A = 'resource "terraform_data" "a" { input = "a" }\n'
_ID = "11111111-2222-3333-4444-555555555555"


def _then(name: str, first: str, second: str, *, more: dict[str, str] | None = None, last: Round = PLAN) -> Case:
    return matrix_case(name, first, more=more, rounds=(APPLY, Round(files={"main.tf": second}), last))


_MODULE = {"inside/main.tf": 'resource "terraform_data" "b" { input = "a" }\n'}

CASES = (
    _then(
        "moved",
        _A,
        """
            resource "terraform_data" "b" { input = "a" }
            moved {
              from = terraform_data.a
              to = terraform_data.b
            }
        """,
        last=DESTROY,
    ),
    _then(
        "moved-into-a-module",
        _A,
        """
        module "inside" { source = "./inside" }
        moved {
          from = terraform_data.a
          to   = module.inside.terraform_data.b
        }
        """,
        more=_MODULE,
    ),
    _then(
        "moved-module",
        'module "one" { source = "./inside" }\n',
        """
        module "two" {
          for_each = toset(["x"])
          source   = "./inside"
        }
        moved {
          from = module.one
          to   = module.two["x"]
        }
        """,
        more=_MODULE,
    ),
    _then(
        "moved-twice-and-changed",
        _A,
        """
        resource "terraform_data" "c" { input = "changed" }
        moved {
          from = terraform_data.a
          to   = terraform_data.b
        }
        moved {
          from = terraform_data.b
          to   = terraform_data.c
        }
        """,
    ),
    _then("removed-from-the-configuration", _A, 'output "left" { value = "nothing" }\n'),
    _then(
        "removed-and-kept",
        _A,
        """
            removed {
              from = terraform_data.a
              lifecycle { destroy = false }
            }
        """,
    ),
    _then(
        "removed-and-destroyed",
        _A,
        """
            removed {
              from = terraform_data.a
              lifecycle { destroy = true }
            }
        """,
    ),
    case(
        "imported",
        f"""
        import {{
          to = terraform_data.a
          id = "{_ID}"
        }}
        resource "terraform_data" "a" {{}}
        output "id" {{ value = terraform_data.a.id }}
        """,
        rounds=(APPLY, PLAN),
    ),
    matrix_case(
        "imported-by-for-each",
        f"""
        locals {{ ids = {{ x = "{_ID}", y = "{_ID.replace("1", "9")}" }} }}
        import {{
          for_each = local.ids
          to       = terraform_data.a[each.key]
          id       = each.value
        }}
        resource "terraform_data" "a" {{
          for_each = local.ids
          input    = each.key
        }}
        """,
    ),
    matrix_case(
        "imported-without-a-resource",
        f'import {{\n  to = terraform_data.a\n  id = "{_ID}"\n}}\n',
    ),
    _then(
        "moved-onto-what-exists",
        _A + 'resource "terraform_data" "b" { input = "b" }\n',
        """
            resource "terraform_data" "b" { input = "b" }
            moved {
              from = terraform_data.a
              to = terraform_data.b
            }
        """,
    ),
)
