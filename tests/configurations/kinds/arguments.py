"""Paths of the work folder, and what the environment says to the program."""

from tests.configurations.case import APPLY, DESTROY, PLAN, STORED, Case, Round, case, matrix_case

_A = 'resource "terraform_data" "a" { input = "a" }\nresource "terraform_data" "b" { input = "b" }\n'

CASES: tuple[Case, ...] = (
    case(
        "paths-of-the-folder",
        """
        resource "terraform_data" "x" { input = "${path.cwd}/x" }
        output "here" { value = [abspath("file"), path.cwd, abspath(path.module), abspath(path.root)] }
        """,
        rounds=(STORED, PLAN, STORED),
    ),
    case("path-of-the-home", 'output "home" { value = pathexpand("~/x") }\n'),
    case(
        "target-by-arguments",
        _A,
        environment={"TF_CLI_ARGS_plan": "-target=terraform_data.a", "TF_CLI_ARGS_apply": "-target=terraform_data.a"},
    ),
    matrix_case("arguments-of-the-apply", _A, environment={"TF_CLI_ARGS_apply": "-parallelism=1 -compact-warnings"}),
    matrix_case(
        "arguments-of-the-apply-without-a-stored-plan",
        _A,
        environment={"TF_CLI_ARGS_apply": "-target=terraform_data.a"},
        rounds=(Round(stored=False),),
    ),
    case(
        "arguments-of-the-destroy",
        _A,
        environment={"TF_CLI_ARGS_destroy": "-target=terraform_data.a"},
        rounds=(APPLY, DESTROY),
    ),
    matrix_case("arguments-of-all", _A, environment={"TF_CLI_ARGS": "-no-color", "TF_CLI_ARGS_init": "-upgrade"}),
    case(
        "values-by-arguments",
        'variable "a" { type = string }\noutput "a" { value = var.a }\n',
        environment={"TF_CLI_ARGS_plan": "-var='a=by argument'", "TF_CLI_ARGS_apply": "-var='a=by argument'"},
    ),
    case(
        "argument-that-is-not-known",
        _A,
        environment={"TF_CLI_ARGS_plan": "-nonsense", "TF_CLI_ARGS_apply": "-nonsense"},
    ),
    matrix_case("log-of-the-program", _A, environment={"TF_LOG": "warn", "TF_LOG_PATH": "program.log"}),
    case("data-folder-of-its-own", _A, environment={"TF_DATA_DIR": ".elsewhere"}, rounds=(APPLY, PLAN)),
    case(
        "environment-of-provisioners",
        """
        resource "terraform_data" "a" {
          provisioner "local-exec" { command = "test \\"$ODD\\" = ' a  b '" }
        }
    """,
        environment={"ODD": " a  b "},
    ),
    matrix_case("no-color-and-automation", _A, environment={"TF_IN_AUTOMATION": "1", "NO_COLOR": "1", "TF_INPUT": "0"}),
)
