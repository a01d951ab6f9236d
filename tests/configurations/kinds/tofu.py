"""What OpenTofu alone knows."""

from typing import Any

from tests.configurations.case import APPLY, PLAN, STORED, TOFU, Case, Round, Variable, case

_A = 'resource "terraform_data" "a" { input = "a" }\n'


def _tofu(name: str, main: str, **attributes: Any) -> Case:
    return case(name, main, programs=(TOFU,), **attributes)


CASES = (
    _tofu(
        "tofu-files-before-tf-files",
        'output "from" { value = "tf" }\n',
        more={
            "main.tofu": """
                output "from" { value = "tofu" }
                variable "size" { type = number }
                output "size" { value = var.size }
            """,
            "more.tofu.json": '{"output": {"json": {"value": "tofu.json"}}}',
            "x_override.tofu": 'output "size" { value = var.size * 2 }\n',
        },
        variables={"size": Variable(value="2")},
    ),
    Case(
        name="tofu-files-alone",
        programs=(TOFU,),
        files={"main.tofu": _A + 'output "a" { value = terraform_data.a.output }\n'},
        everyday=False,
    ),
    _tofu(
        "module-chosen-by-a-variable",
        """
            variable "which" { type = string }
            locals { source = "./${var.which}" }
            module "chosen" { source = local.source }
            output "name" { value = module.chosen.name }
        """,
        more={"one/main.tf": 'output "name" { value = "one" }\n', "two/main.tf": 'output "name" { value = "two" }\n'},
        variables={"which": Variable(value="two")},
    ),
    _tofu(
        "encrypted-state",
        """
        variable "passphrase" {
          type      = string
          sensitive = true
        }
        terraform {
          encryption {
            key_provider "pbkdf2" "key" {
              passphrase = var.passphrase
            }
            method "aes_gcm" "method" { keys = key_provider.pbkdf2.key }
            state {
              method   = method.aes_gcm.method
              enforced = true
            }
            plan { method = method.aes_gcm.method }
          }
        }
        """
        + _A,
        variables={"passphrase": Variable(value="correct horse battery", sensitive=True)},
        rounds=(STORED, APPLY, PLAN),
    ),
    _tofu(
        "excluded",
        _A
        + """
        resource "terraform_data" "b" { input = "b" }
    """,
        environment={"TF_CLI_ARGS_plan": "-exclude=terraform_data.b", "TF_CLI_ARGS_apply": "-exclude=terraform_data.b"},
    ),
    _tofu(
        "resource-that-is-not-enabled",
        """
            variable "on" { type = bool }
            resource "terraform_data" "a" {
              input = "a"
              lifecycle { enabled = var.on }
            }
            output "a" { value = try(terraform_data.a.output, "off") }
        """,
        variables={"on": Variable(value="false")},
        everyday=False,
    ),
    _tofu(
        "functions-of-tofu",
        """
            output "all" {
              value = [cidrcontains("10.0.0.0/8", "10.1.0.0/16"), urldecode("a%20b"), base64gunzip(base64gzip("x"))]
            }
        """,
        everyday=False,
    ),
    _tofu(
        "deprecated-variable",
        """
            variable "old" {
              type = string
              default = "x"
              deprecated = "Use new."
            }
            output "old" { value = var.old }
        """,
        variables={"old": Variable(value="y")},
        everyday=False,
    ),
    _tofu(
        "backend-by-variables",
        """
            variable "path" { default = "terraform.tfstate" }
            terraform {
              backend "local" { path = var.path }
            }
        """
        + _A,
    ),
    _tofu(
        "kept-by-its-lifecycle",
        """
        resource "terraform_data" "a" {
          input = "a"
          lifecycle { destroy = false }
        }
    """,
        rounds=(APPLY, Round(files={"main.tf": ""})),
        everyday=False,
    ),
)
