"""Scripts before init and before the plan, and what they leave in the folder."""

from tests.configurations.case import APPLY, PLAN, Case, Round, case, matrix_case

CASES: tuple[Case, ...] = (
    case(
        "script-makes-a-file",
        """
        resource "terraform_data" "built" {
          input = filebase64sha256("${path.module}/build/app.zip")
          provisioner "local-exec" { command = "grep -q content build/app.zip && test -x build/run.sh && build/run.sh" }
        }
        output "built" { value = terraform_data.built.output }
        """,
        rounds=(
            Round(
                before="""
                mkdir build && echo content > build/app.zip
                printf '#!/bin/sh\\ntrue\\n' > build/run.sh && chmod 755 build/run.sh
            """,
                stored=True,
            ),
        ),
    ),
    case(
        "script-writes-the-configuration",
        'output "made" { value = terraform_data.made.output }\n',
        rounds=(
            Round(before_init='echo \'resource "terraform_data" "made" { input = "made" }\' > made.tf', stored=True),
            Round(before_init='echo \'resource "terraform_data" "made" { input = "other" }\' > made.tf'),
        ),
    ),
    matrix_case(
        "script-writes-values",
        'variable "region" { default = "default" }\noutput "region" { value = var.region }\n',
        rounds=(Round(before="echo 'region = \"by script\"' > x.auto.tfvars", stored=False),),
    ),
    case("script-that-fails", 'output "a" { value = 1 }\n', rounds=(Round(before="echo broken >&2; exit 3"), APPLY)),
    case(
        "script-reads-the-environment",
        'output "text" { value = file("text.txt") }\n',
        environment={"GREETING": "hello  world; $(true) 'x' \"y\" ü"},
        rounds=(Round(before='printf "%s|%s" "$GREETING" "$(basename "$PWD")" > text.txt'),),
    ),
    matrix_case(
        "script-removes-a-file",
        'output "there" { value = fileexists("${path.module}/old.txt") }\n',
        more={"old.txt": "old"},
        rounds=(Round(before="rm old.txt"), PLAN),
    ),
)
