"""Which files are read: JSON, overrides, endings, lock files, line ends, names."""

from tests.configurations.case import APPLY, Case, Round, case, matrix_case

_A = 'resource "terraform_data" "a" { input = "main" }\noutput "a" { value = terraform_data.a.output }\n'

CASES: tuple[Case, ...] = (
    Case(
        name="json-syntax",
        files={
            "main.tf.json": """{
              "//": "a comment",
              "locals": {"names": ["a", "b"]},
              "resource": {"terraform_data": {
                "each": {"for_each": "${toset(local.names)}", "input": "${each.key}!"},
                "plain": [{"input": {"list": [1, null, "x"]}, "lifecycle": {"ignore_changes": ["input"]}}]
              }},
              "output": {
                "all": {"value": "${[for made in terraform_data.each : made.output]}"},
                "text": {"value": "plain"}
              }
            }"""
        },
    ),
    case(
        "override-files",
        _A,
        more={
            "override.tf": 'resource "terraform_data" "a" { input = "override" }\n',
            "z_override.tf.json": '{"output": {"a": {"value": "${terraform_data.a.output}, overridden"}}}',
            "locals.tf": "locals { a = 1 }\n",
        },
    ),
    matrix_case("override-of-nothing", _A, more={"x_override.tf": 'output "none" { value = 1 }\n'}),
    case(
        "files-that-are-not-read",
        _A,
        more={
            "other.tf.bak": "broken {",
            "main.tf~": "broken {",
            ".hidden.tf": "broken {",
            "#main.tf#": "broken {",
            "folder/broken.tf": "broken {",
            "README.md": "# Read me\n",
            "terraform.tfvars.example": 'a = "b"\n',
        },
    ),
    case(
        "names-with-blanks-and-letters",
        "",
        more={
            "größe und mehr.tf": """
        output "name" { value = "größe" }
    """,
            "empty.tf": "",
        },
    ),
    case(
        "line-ends-of-windows",
        'output "a" {\r\n  value = <<EOT\r\nline\r\nEOT\r\n}\r\n',
        more={"x.auto.tfvars": 'unused = "x"\r\n', "v.tf": 'variable "unused" {}\r\n'},
    ),
    matrix_case("mark-of-byte-order", '\ufeffoutput "a" { value = "a" }\n'),
    matrix_case(
        "same-name-twice",
        _A,
        more={"second.tf": 'resource "terraform_data" "a" { input = "second" }\n'},
    ),
    matrix_case("version-that-is-too-new", 'terraform { required_version = ">= 99" }\n' + _A),
    matrix_case("version-that-fits", 'terraform { required_version = ">= 1.5, < 2.0.0" }\n' + _A),
    matrix_case(
        "symbols-in-names-of-resources",
        """
            resource "terraform_data" "größe-1_x" { input = "ü" }
            output "größe" { value = terraform_data.größe-1_x.output }
        """,
    ),
    matrix_case(
        "files-that-change-between-applies",
        """
            resource "terraform_data" "a" { input = filebase64sha256("data.bin") }
            output "a" { value = terraform_data.a.output }
        """,
        more={"data.bin": "one"},
        rounds=(APPLY, Round(files={"data.bin": "two"}), Round(files={"data.bin": None, "data.txt": "three"})),
    ),
)
