"""Outputs and the values of resources: every type, large and odd, sensitive, unknown until apply."""

from tests.configurations.case import APPLY, PLAN, STORED, Case, Round, case, matrix_case

CASES: tuple[Case, ...] = (
    case(
        "outputs-of-every-type",
        r"""
        output "string" { value = "ünïcode \U0001f680 <&> \\ \" ${"$"}{x}" }
        output "number" { value = 12345678901234567890 }
        output "fraction" { value = 1 / 3 }
        output "small" { value = 1e-300 }
        output "bool" { value = false }
        output "null" { value = null }
        output "list" { value = tolist(["b", "a"]) }
        output "set" { value = toset(["b", "a", "b"]) }
        output "tuple" { value = [1, "two", [true]] }
        output "map" { value = tomap({ b = 1, a = 2 }) }
        output "object" { value = { a = { b = { c = [{}] } } } }
        output "empty" { value = [[], {}, "", toset([])] }
        output "lines" { value = "a\nb\r\n\tc" }
        """,
        rounds=(APPLY, APPLY),
    ),
    case(
        "large-output",
        """
        locals { line = join("", [for n in range(100) : format("%010d", n)]) }
        resource "terraform_data" "large" { input = [for n in range(200) : "${n} ${local.line}"] }
        output "large" { value = terraform_data.large.output }
        """,
    ),
    case(
        "sensitive-within-values",
        """
        locals { secret = sensitive("secret-text") }
        resource "terraform_data" "mixed" { input = { open = 1, hidden = local.secret, list = ["a", local.secret] } }
        output "mixed" {
          value     = terraform_data.mixed.output
          sensitive = true
        }
        output "open" { value = nonsensitive(local.secret) }
        output "is" { value = [issensitive(local.secret), issensitive("open")] }
        """,
    ),
    case(
        "unknown-until-apply",
        """
        resource "terraform_data" "first" { input = "a" }
        resource "terraform_data" "second" { input = "after ${terraform_data.first.id}" }
        resource "terraform_data" "third" {
          input            = { for name in ["x", "y"] : name => terraform_data.second.output }
          triggers_replace = [terraform_data.first.id]
        }
        output "all" { value = [terraform_data.first.id, terraform_data.third.output] }
        """,
        rounds=(APPLY, PLAN),
    ),
    matrix_case(
        "outputs-that-come-and-go",
        'output "a" { value = 1 }\noutput "b" { value = 2 }\n',
        rounds=(APPLY, Round(files={"main.tf": 'output "b" { value = "two" }\noutput "c" { value = 3 }\n'}), PLAN),
    ),
    matrix_case(
        "output-that-depends-on-a-resource",
        """
        resource "terraform_data" "a" { input = "a" }
        output "late" {
          value       = "late"
          description = "Known only after a."
          depends_on  = [terraform_data.a]
        }
        """,
    ),
    case("clock", 'output "now" { value = timestamp() }\noutput "fixed" { value = "fixed" }\n'),
    matrix_case(
        "clock-of-the-plan",
        """
            resource "terraform_data" "made" { input = plantimestamp() != "" }
            output "made" { value = terraform_data.made.output }
        """,
        rounds=(STORED,),
    ),
    matrix_case(
        "random-id",
        """
        resource "terraform_data" "id" { input = uuid() }
        output "id" { value = terraform_data.id.output }
    """,
    ),
    case("nothing-at-all", "# Nothing.\n", rounds=(APPLY, PLAN)),
)
