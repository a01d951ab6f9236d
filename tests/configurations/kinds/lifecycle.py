"""lifecycle, depends_on, triggers, provisioners and resources that fail half-way."""

from tests.configurations.case import APPLY, DESTROY, DIRECTLY, PLAN, STATE, STORED, Case, Round, case, matrix_case


def _changed(main: str, before: str, after: str) -> tuple[Round, ...]:
    return (APPLY, Round(files={"main.tf": main.replace(before, after)}))


_REPLACED = """
resource "terraform_data" "version" { input = "one" }
resource "terraform_data" "server" {
  input = "server"
  lifecycle { replace_triggered_by = [terraform_data.version] }
}
resource "terraform_data" "after" {
  input            = terraform_data.server.id
  triggers_replace = ["one"]
  lifecycle { create_before_destroy = true }
}
"""
_IGNORED = """
resource "terraform_data" "a" {
  input = { kept = "one", other = "one" }
  lifecycle { ignore_changes = [input] }
}
"""
_PREVENTED = """
resource "terraform_data" "a" {
  triggers_replace = "one"
  lifecycle { prevent_destroy = true }
}
"""
_HALF = """
resource "terraform_data" "good" { input = "good" }
resource "terraform_data" "bad" {
  input = terraform_data.good.output
  provisioner "local-exec" { command = "test -e fixed" }
}
resource "terraform_data" "after" { input = terraform_data.bad.output }
output "after" { value = terraform_data.after.output }
"""

CASES: tuple[Case, ...] = (
    matrix_case("replaced-with-another", _REPLACED, rounds=_changed(_REPLACED, '"one"', '"two"')),
    matrix_case("ignored-changes", _IGNORED, rounds=(*_changed(_IGNORED, '"one"', '"two"'), PLAN)),
    matrix_case("destroy-that-is-prevented", _PREVENTED, rounds=(*_changed(_PREVENTED, '"one"', '"two"'), DESTROY)),
    case("apply-that-fails-half-way", _HALF, rounds=(STORED, Round(files={"fixed": "yes"}))),
    matrix_case(
        "apply-that-fails-without-a-stored-plan", _HALF, rounds=(DIRECTLY, Round(files={"fixed": "yes"}, stored=False))
    ),
    case(
        "provisioners",
        """
        resource "terraform_data" "a" {
          input = "a"
          provisioner "local-exec" {
            command     = "test \\"$NAME\\" = a && test \\"$PWD\\" = \\"$HERE\\""
            environment = { NAME = self.input, HERE = path.cwd }
          }
          provisioner "local-exec" {
            command    = "exit 3"
            on_failure = continue
          }
          provisioner "local-exec" {
            when    = destroy
            command = "test '${self.output}' = a"
          }
        }
        """,
        rounds=(APPLY, DESTROY),
    ),
    matrix_case(
        "provisioner-that-fails-at-destroy",
        """
        resource "terraform_data" "a" {
          provisioner "local-exec" {
            when    = destroy
            command = "exit 4"
          }
        }
        resource "terraform_data" "b" { input = terraform_data.a.id }
        """,
        rounds=(APPLY, DESTROY),
    ),
    matrix_case(
        "chain-of-dependencies",
        """
        resource "terraform_data" "a" { input = 1 }
        resource "terraform_data" "b" {
          input      = 2
          depends_on = [terraform_data.a]
        }
        resource "terraform_data" "c" { input = [terraform_data.a.id, terraform_data.b.id] }
        data "terraform_remote_state" "none" {
          backend    = "local"
          config     = { path = "${path.module}/other.json" }
          depends_on = [terraform_data.c]
        }
        output "other" { value = data.terraform_remote_state.none.outputs }
        """,
        more={"other.json": STATE},
        rounds=(APPLY, DESTROY),
    ),
    matrix_case(
        "resource-that-refers-to-itself",
        'resource "terraform_data" "a" { input = terraform_data.a.id }\n',
    ),
    matrix_case("destroy-of-nothing", 'output "a" { value = 1 }\n', rounds=(DESTROY,)),
)
