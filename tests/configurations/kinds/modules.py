"""Modules: below and beside the workspace's folder, nested, repeated, from git, with providers of their own."""

from tests.configurations.case import APPLY, DESTROY, LIBRARY, Case, Round, Variable, case, matrix_case

_ECHO = """
variable "value" { type = any }
resource "terraform_data" "echo" { input = var.value }
output "value" { value = terraform_data.echo.output }
"""
_OUTER = """
variable "value" { type = string }
module "inner" {
  source = "./inner"
  value  = "outer ${var.value}"
}
output "value" { value = module.inner.value }
"""

CASES = (
    Case(
        name="sibling-modules",
        folder="environments/production",
        files={
            "environments/production/main.tf": """
                module "network" {
                  source = "../../modules/echo"
                  value  = file("${path.module}/../../shared/network.txt")
                }
                output "network" { value = module.network.value }
                output "where" { value = basename(abspath(path.root)) }
            """,
            "modules/echo/main.tf": _ECHO,
            "shared/network.txt": "10.0.0.0/8",
        },
        rounds=(APPLY, APPLY, DESTROY),
    ),
    matrix_case(
        "nested-modules",
        """
        module "outer" {
          source = "./outer"
          value  = "a"
        }
        output "value" { value = module.outer.value }
        """,
        more={"outer/main.tf": _OUTER, "outer/inner/main.tf": _ECHO},
    ),
    case(
        "repeated-modules",
        """
        module "each" {
          for_each = { a = 1, b = [2, 3], c = null }
          source   = "./echo"
          value    = each.value
        }
        module "counted" {
          count  = 2
          source = "./echo"
          value  = count.index
        }
        output "each" { value = { for name, made in module.each : name => made.value } }
        output "counted" { value = module.counted[*].value }
        """,
        more={"echo/main.tf": _ECHO},
    ),
    matrix_case(
        "module-that-depends-on-another",
        """
        module "first" {
          source = "./echo"
          value  = 1
        }
        module "second" {
          source     = "./echo"
          value      = 2
          depends_on = [module.first]
        }
        """,
        more={"echo/main.tf": _ECHO},
    ),
    case(
        "git-module",
        f"""
        module "tagged" {{
          source = "git::{LIBRARY}//modules/label?ref=v1"
          name   = "a"
        }}
        module "newest" {{
          source = "git::{LIBRARY}//modules/label"
          name   = "b"
        }}
        output "labels" {{ value = [module.tagged.label, module.newest.label] }}
        """,
    ),
    case(
        "git-module-without-its-tag",
        f"""
        module "missing" {{
          source = "git::{LIBRARY}//modules/label?ref=v9"
          name   = "a"
        }}
        """,
    ),
    Case(
        name="from-git",
        from_git=True,
        folder="live",
        files={
            "live/main.tf": """
                module "echo" {
                  source = "../echo"
                  value = "one"
                }
                output "v" { value = module.echo.value }
            """,
            "echo/main.tf": _ECHO,
        },
        rounds=(APPLY, Round(files={"live/more.tf": 'output "more" { value = "two" }\n'})),
    ),
    matrix_case(
        "module-that-is-not-there",
        'module "gone" { source = "./gone" }\n',
    ),
    matrix_case(
        "module-variables-of-every-type",
        """
        variable "size" { type = number }
        module "typed" {
          source = "./typed"
          size   = var.size
          tags   = { a = "1" }
          rule   = { port = 80 }
        }
        output "typed" { value = module.typed.all }
        """,
        more={
            "typed/main.tf": """
                variable "size" { type = number }
                variable "tags" { type = map(string) }
                variable "rule" { type = object({ port = number, name = optional(string, "http") }) }
                variable "unset" {
                  type     = string
                  default  = "default"
                  nullable = false
                }
                output "all" { value = [var.size, var.tags, var.rule, var.unset] }
            """
        },
        variables={"size": Variable(value="3")},
    ),
)
