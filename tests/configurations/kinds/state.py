"""State: blocks that configure another one, the state of others, the name of the workspace."""

from tests.configurations.case import APPLY, DESTROY, PLAN, Case, case, matrix_case

_A = 'resource "terraform_data" "a" { input = "a" }\noutput "a" { value = terraform_data.a.output }\n'
_LOCAL = 'terraform {\n  backend "local" {}\n}\n'
_OTHER = """{
  "version": 4, "terraform_version": "1.5.0", "serial": 3, "lineage": "other", "resources": [],
  "outputs": {
    "text": {"value": "x", "type": "string"}, "secret": {"value": "s3cr3t", "type": "string", "sensitive": true},
    "list": {"value": [1, 2], "type": ["list", "number"]}
  }
}"""

CASES: tuple[Case, ...] = (
    case("own-local-backend", _LOCAL + _A, rounds=(APPLY, PLAN, DESTROY)),
    case("own-local-backend-in-an-override", _A, more={"zz_override.tf": _LOCAL}, rounds=(APPLY, PLAN)),
    matrix_case(
        "own-local-backend-in-json", _A, more={"zzz_override.tf.json": '{"terraform": {"backend": {"local": {}}}}'}
    ),
    matrix_case(
        "own-local-backend-elsewhere",
        _A + 'terraform {\n  backend "local" { path = "elsewhere.json" }\n}\n',
        state="elsewhere.json",
    ),
    case("own-http-backend", _A + 'terraform {\n  backend "http" { address = "http://127.0.0.1:9/none" }\n}\n'),
    case(
        "own-cloud-block",
        _A
        + """
        terraform {
          cloud {
            organization = "none"
            hostname = "tf.invalid"
            workspaces { name = "none" }
          }
        }
    """,
    ),
    case(
        "state-of-another",
        """
        data "terraform_remote_state" "other" {
          backend  = "local"
          config   = { path = "${path.module}/states/other.json" }
          defaults = { missing = "default" }
        }
        locals { other = data.terraform_remote_state.other.outputs }
        resource "terraform_data" "a" { input = local.other.list }
        output "all" { value = [local.other.text, local.other.missing, terraform_data.a.output] }
        output "secret" {
          value     = local.other.secret
          sensitive = true
        }
        """,
        more={"states/other.json": _OTHER},
    ),
    matrix_case(
        "state-of-another-that-is-not-there",
        """
            data "terraform_remote_state" "other" {
              backend = "local"
              config = { path = "none.json" }
            }
            output "a" { value = data.terraform_remote_state.other.outputs.a }
        """,
    ),
    case("name-of-the-workspace", 'output "name" { value = terraform.workspace }\n'),
    case(
        "state-in-the-source",
        _A,
        more={"terraform.tfstate": _OTHER},
    ),
    matrix_case("applied-three-times", _A, rounds=(APPLY, APPLY, PLAN, APPLY)),
    matrix_case("destroyed-and-made-again", _A, rounds=(APPLY, DESTROY, APPLY)),
)
