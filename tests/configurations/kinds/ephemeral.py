"""Ephemeral values, which no plan and no state holds."""

from tests.configurations.case import APPLY, DIRECTLY, STORED, Variable, case, matrix_case

_EPHEMERAL = """
variable "token" {
  type      = string
  ephemeral = true
}
variable "kept" { type = string }
resource "terraform_data" "login" {
  input = var.kept
  provisioner "local-exec" {
    command     = "test \\"$TOKEN\\" = 'one time'"
    environment = { TOKEN = var.token }
  }
}
output "kept" { value = var.kept }
"""
_VALUES = {"token": Variable(value="one time", sensitive=True), "kept": Variable(value="kept")}

CASES = (
    case("ephemeral-variable", _EPHEMERAL, variables=_VALUES, rounds=(STORED,)),
    case("ephemeral-variable-without-a-stored-plan", _EPHEMERAL, variables=_VALUES, rounds=(DIRECTLY, APPLY)),
    matrix_case(
        "ephemeral-list",
        """
        variable "tokens" {
          type      = list(string)
          ephemeral = true
          default   = []
        }
        locals { first = var.tokens[0] }
        resource "terraform_data" "login" {
          provisioner "local-exec" {
            command     = "test \\"$TOKEN\\" = a"
            environment = { TOKEN = local.first }
          }
        }
        output "is" { value = ephemeralasnull(local.first) == null }
        """,
        variables={"tokens": Variable(value='["a", "b"]', hcl=True)},
    ),
    matrix_case(
        "ephemeral-value-in-a-resource",
        """
            variable "token" {
              type = string
              ephemeral = true
            }
            resource "terraform_data" "a" { input = var.token }
        """,
        variables={"token": Variable(value="one time")},
    ),
    matrix_case(
        "ephemeral-output-of-a-module",
        """
        variable "token" {
          type      = string
          ephemeral = true
        }
        module "pass" {
          source = "./pass"
          token  = var.token
        }
        resource "terraform_data" "login" {
          provisioner "local-exec" {
            command     = "test \\"$TOKEN\\" = 'one time!'"
            environment = { TOKEN = module.pass.token }
          }
        }
        """,
        more={
            "pass/main.tf": """
                variable "token" { ephemeral = true }
                output "token" {
                  value     = "${var.token}!"
                  ephemeral = true
                }
            """
        },
        variables={"token": Variable(value="one time")},
    ),
)
