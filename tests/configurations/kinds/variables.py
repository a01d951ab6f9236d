"""Terraform variables: by value, HCL flag and declared type, by file and by environment."""

from tests.configurations.case import APPLY, PLAN, Case, Round, Variable, case, matrix_case

_TEXT = 'say "${HOME}" \\ %{if} \U0001f680 ünïcode\r\n\tlast\n'
_HEREDOC = "<<-EOT\n  first\n    second ${1 + 1}\n  EOT"
_OPTIONAL = "object({ name = string, size = optional(number, 3), tags = optional(map(string), {}) })"
_GIVEN: dict[str, tuple[str, Variable]] = {
    "text": ("string", Variable(value=_TEXT)),
    "digits": ("string", Variable(value="007")),
    "digits_hcl": ("string", Variable(value="007", hcl=True)),
    "number": ("number", Variable(value="007")),
    "large": ("number", Variable(value="12345678901234567890.123456789")),
    "bool": ("bool", Variable(value="true")),
    "empty": ("string", Variable(value="")),
    "null": ("string", Variable(value="null")),
    "null_hcl": ("string", Variable(value="null", hcl=True)),
    "word_any": ("any", Variable(value="eu-west-1", at_terminal='"eu-west-1"')),
    "list_any": ("any", Variable(value='["a", 1, true]')),
    "untyped": ("", Variable(value='["a", "b"]')),
    "untyped_hcl": ("", Variable(value='{ team = "net", ports = [80, 443] }', hcl=True)),
    "list": ("list(string)", Variable(value='["a", "b"]')),
    "set": ("set(number)", Variable(value="[3, 1, 2, 1]", hcl=True)),
    "map": ("map(string)", Variable(value='{ "a b" = "1", "ü" = "2", "${1}" = "3" }', hcl=True)),
    "tuple": ("tuple([string, number, bool])", Variable(value='["a", 1, false]', hcl=True)),
    "object": (_OPTIONAL, Variable(value='{ name = "a" }', hcl=True)),
    "heredoc": ("string", Variable(value=_HEREDOC, hcl=True)),
    "lines": ("list(number)", Variable(value="[1, # one\n  1 + 1, /* two */\n]", hcl=True)),
    "sensitive": ("list(string)", Variable(value='["first-secret", "second-secret"]', hcl=True, sensitive=True)),
}


def _declared(name: str, kind: str) -> str:
    declared = f'variable "{name}" {{{f" type = {kind} " if kind else ""}}}\n'
    return f'{declared}output "{name}" {{ value = var.{name} }}\n'


def _given(name: str, kind: str, value: str, *, hcl: bool = False) -> Case:
    return matrix_case(name, _declared("given", kind), variables={"given": Variable(value=value, hcl=hcl)})


CASES = (
    case(
        "values-by-type-and-flag",
        "".join(_declared(name, kind) for name, (kind, _) in _GIVEN.items())
        + 'resource "terraform_data" "all" { input = [var.text, var.list_any, var.untyped_hcl, var.object] }\n',
        variables={name: variable for name, (_, variable) in _GIVEN.items()},
    ),
    _given("word-for-a-number", "number", "many"),
    _given("word-for-any-by-argument", "any", "eu-west-1"),
    _given("object-that-lacks-an-attribute", "object({ name = string, size = number })", '{ name = "a" }', hcl=True),
    case(
        "sensitive-variable-of-a-resource",
        """
        variable "password" {
          type      = string
          sensitive = true
        }
        resource "terraform_data" "login" { input = { name = "root", password = var.password } }
        output "password" {
          value     = terraform_data.login.output.password
          sensitive = true
        }
        output "length" { value = nonsensitive(length(var.password)) }
        """,
        variables={"password": Variable(value="correct horse", sensitive=True)},
        rounds=(APPLY, PLAN),
    ),
    matrix_case(
        "sensitive-output-without-its-mark",
        """
            variable "password" {
              type = string
              sensitive = true
            }
            output "password" { value = var.password }
        """,
        variables={"password": Variable(value="correct horse", sensitive=True)},
    ),
    case(
        "validated-variable",
        """
        variable "low" { type = number }
        variable "high" {
          type = number
          validation {
            condition     = var.high > var.low
            error_message = "high must be above ${var.low}."
          }
        }
        output "range" { value = var.high - var.low }
        """,
        variables={"low": Variable(value="3"), "high": Variable(value="5")},
    ),
    matrix_case(
        "variable-that-fails-its-validation",
        """
        variable "size" {
          type = number
          validation {
            condition     = var.size > 10
            error_message = "The size ${var.size} is too small."
          }
        }
        """,
        variables={"size": Variable(value="3")},
    ),
    case("variable-without-a-value", 'variable "needed" { type = string }\noutput "needed" { value = var.needed }\n'),
    matrix_case(
        "variable-that-is-not-nullable",
        """
            variable "given" {
              type = string
              default = "default"
              nullable = false
            }
            output "given" { value = var.given }
        """,
        variables={"given": Variable(value="null", hcl=True)},
    ),
    case(
        "undeclared-variable",
        'variable "region" { default = "eu" }\noutput "region" { value = var.region }\n',
        variables={"regoin": Variable(value="us")},
    ),
    case(
        "files-of-values-in-their-order",
        """
        variable "a" {}
        variable "b" {}
        variable "c" {}
        variable "d" { default = "default" }
        variable "e" {}
        output "all" { value = [var.a, var.b, var.c, var.d, var.e] }
        """,
        more={
            "terraform.tfvars": """
                a = "tfvars"
                b = "tfvars"
                c = "tfvars"
                e = "tfvars"
            """,
            "a.auto.tfvars": 'b = "a.auto"\nc = "a.auto"\n',
            "b.auto.tfvars.json": '{"c": ["b.auto", 1]}',
            "unread.tfvars": 'd = "unread"\n',
        },
        variables={"e": Variable(value="workspace")},
        rounds=(APPLY, Round(files={"a.auto.tfvars": None})),
    ),
    case(
        "values-by-environment",
        """
        variable "text" { type = string }
        variable "list" { type = list(number) }
        variable "file" { type = string }
        output "all" { value = [var.text, var.list, var.file] }
        """,
        more={"terraform.tfvars": 'file = "file"\n'},
        environment={"TF_VAR_text": "by environment", "TF_VAR_list": "[1, 2]", "TF_VAR_file": "hidden by the file"},
    ),
    case(
        "variables-in-json-and-overridden",
        'output "all" { value = [var.plain, var.changed] }\n',
        more={
            "variables.tf.json": '{"variable": {"plain": {"type": "string"}, "changed": {"type": "string"}}}',
            "types_override.tf": 'variable "changed" { type = list(string) }\n',
        },
        variables={"plain": Variable(value="[1]"), "changed": Variable(value='["x"]')},
    ),
)
