"""Preconditions, postconditions and check blocks."""

from tests.configurations.case import APPLY, STATE, Case, Round, Variable, case, matrix_case

_CONDITIONS = """
variable "size" { type = number }
resource "terraform_data" "a" {
  input = var.size
  lifecycle {
    precondition {
      condition     = var.size > 0
      error_message = "The size must be above 0."
    }
    postcondition {
      condition     = self.output < 10
      error_message = "The size ${self.output} must be below 10."
    }
  }
}
output "size" {
  value = terraform_data.a.output
  precondition {
    condition     = terraform_data.a.output != 5
    error_message = "Not five."
  }
}
"""
_CHECK = """
    locals { good = VALUE }
    check "NAME" {
      assert {
        condition = local.good
        error_message = "No."
      }
    }
"""


def _sized(name: str, size: str) -> Case:
    return matrix_case(name, _CONDITIONS, variables={"size": Variable(value=size)})


CASES = (
    _sized("conditions-that-hold", "3"),
    _sized("precondition-that-fails", "0"),
    _sized("postcondition-that-fails", "12"),
    _sized("precondition-of-an-output-that-fails", "5"),
    case(
        "checks",
        """
        resource "terraform_data" "a" { input = "a" }
        check "passes" {
          assert {
            condition     = terraform_data.a.output == "a"
            error_message = "Not a."
          }
        }
        check "fails" {
          data "terraform_remote_state" "other" {
            backend = "local"
            config  = { path = "${path.module}/other.json" }
          }
          assert {
            condition     = data.terraform_remote_state.other.outputs.a == 2
            error_message = "It is ${data.terraform_remote_state.other.outputs.a}."
          }
          assert {
            condition     = length(terraform_data.a.id) == 1
            error_message = "Known only after apply."
          }
        }
        """,
        more={"other.json": STATE},
        rounds=(APPLY, APPLY),
    ),
    matrix_case(
        "conditions-that-change",
        _CHECK.replace("NAME", "a").replace("VALUE", "false"),
        rounds=(
            APPLY,
            Round(files={"main.tf": _CHECK.replace("NAME", "b").replace("VALUE", "true")}),
        ),
    ),
)
