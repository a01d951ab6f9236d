"""count, for_each, for expressions, splats and locals."""

from tests.configurations.case import APPLY, Case, Round, Variable, matrix_case

_COUNTED = """
resource "terraform_data" "a" {
  count = 3
  input = count.index
}
"""

CASES: tuple[Case, ...] = (
    matrix_case(
        "count",
        """
        variable "size" { type = number }
        resource "terraform_data" "a" {
          count = var.size
          input = count.index * 2
        }
        output "all" { value = terraform_data.a[*].output }
        output "last" { value = one(slice(terraform_data.a, 2, 3)).output }
        """,
        variables={"size": Variable(value="3")},
    ),
    matrix_case(
        "count-that-shrinks",
        _COUNTED,
        rounds=(APPLY, Round(files={"main.tf": _COUNTED.replace("3", "1")})),
    ),
    matrix_case(
        "for-each",
        """
        resource "terraform_data" "map" {
          for_each = { "a b" = 1, "c/d" = 2, "é" = 3 }
          input    = "${each.key}=${each.value}"
        }
        resource "terraform_data" "set" {
          for_each = toset([for name in ["y", "x"] : upper(name)])
          input    = [each.key, terraform_data.map["a b"].output]
        }
        output "set" { value = { for name, made in terraform_data.set : name => made.output } }
        """,
    ),
    matrix_case(
        "for-each-over-unknown-keys",
        """
        resource "terraform_data" "a" { input = "a" }
        resource "terraform_data" "b" {
          for_each = toset([terraform_data.a.id])
          input    = each.key
        }
        """,
    ),
    matrix_case(
        "count-to-for-each",
        """
            resource "terraform_data" "a" {
              count = 2
              input = count.index
            }
        """,
        rounds=(
            APPLY,
            Round(
                files={
                    "main.tf": """
                        resource "terraform_data" "a" {
                          for_each = { zero = 0, one = 1 }
                          input    = each.value
                        }
                        moved {
                          from = terraform_data.a[0]
                          to   = terraform_data.a["zero"]
                        }
                        moved {
                          from = terraform_data.a[1]
                          to   = terraform_data.a["one"]
                        }
                    """
                }
            ),
        ),
    ),
    matrix_case(
        "locals-and-for-expressions",
        """
        locals {
          users  = [{ name = "a", admin = true }, { name = "b", admin = false }, { name = "c", admin = true }]
          admins = [for user in local.users : user.name if user.admin]
          by     = { for user in local.users : user.admin ? "admin" : "other" => user.name... }
          size   = length(local.admins) > 1 ? "many" : "few"
          deep   = flatten([for user in local.users : [for n in range(2) : "${user.name}${n}"]])
        }
        output "all" { value = [local.admins, local.by, local.size, local.deep, local.users[*].name] }
        """,
    ),
    matrix_case(
        "dynamic-blocks",
        """
        locals { none = [] }
        resource "terraform_data" "a" {
          input = "a"
          dynamic "timeouts" {
            for_each = local.none
            content { create = "1m" }
          }
        }
        """,
    ),
)
