"""Providers of the image or a volume, of the registry, and of lock files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executors.agent.terraform.init_output import InitErrors, InitOutput
from executors.agent.terraform.provider_folders import cli_configuration
from executors.agent.tools.platform import PLATFORM
from tests.agent.api_server import ApiServer
from tests.agent.harness import Agent
from tests.agent.provider_registry import ProviderRegistry

Serve = Callable[..., ApiServer]
Start = Callable[..., Agent]

TOOLS = [("terraform", "1.11.4"), ("tofu", "1.12.6")]
LOCK = """provider "{provider}" {{
  version = "{version}"
  hashes = ["h1:{hash}", "zh:0000000000000000000000000000000000000000000000000000000000000000"]
}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderRegistry]:
    server = ProviderRegistry(tmp_path_factory.mktemp("registry"))
    yield server
    server.stop()


def requiring(**providers: str) -> str:
    """A configuration that requires `name="source version"`."""
    lines = [
        f'{name} = {{ source = "{text.split()[0]}", version = "{text.split(" ", 1)[1]}" }}'
        for name, text in providers.items()
    ]
    return "terraform {\n  required_providers {\n" + "\n".join(lines) + "\n  }\n}\n"


def put(folder: Path, provider: str, version: str) -> None:
    """A provider as it lies in a local folder."""
    path = folder / provider / version / PLATFORM
    path.mkdir(parents=True)
    program = path / f"terraform-provider-{provider.rpartition('/')[2]}_v{version}"
    program.write_text("#!/bin/sh\n# a local package\n")
    program.chmod(0o755)


@pytest.mark.parametrize(("tool", "version"), TOOLS)
def test_another_version_than_the_images_comes_from_the_registry(
    serve: Serve, start: Start, tmp_path: Path, registry: ProviderRegistry, tool: str, version: str
) -> None:
    # hashicorp/time is in the machine's folder, and no registry of it is within reach.
    main = requiring(thing=f"{registry.provider} ~> 0.13.0", time="hashicorp/time >= 0.1")
    show = {"runtime": "BASH", "script": "echo lock:; cat .terraform.lock.hcl; exit 3", "before": True}
    fields = {"tofu": tool == "tofu", "terraformVersion": version, "commandList": [show]}

    def init(files: dict[str, str], local: str) -> str:
        """The log of an init with this version of the provider in a local folder."""
        put(tmp_path / local / "terraform/plugins", registry.provider, local)
        api = serve(files, **fields)
        agent = start(api, SSL_CERT_FILE=str(registry.certificate), XDG_DATA_HOME=str(tmp_path / local))
        assert agent.wait() == 10
        assert api.attempt.result is not None
        assert api.attempt.result["message"] == "A script ended with exit code 3.", api.log
        assert "init runs again with the registry" in api.log
        assert "Error" not in api.log
        return api.log

    _, _, lock = init({"main.tf": main}, "0.14.2").partition("lock:")
    lock, _, _ = lock.partition("==>")
    assert 'version     = "0.13.1"' in lock
    assert "hashicorp/time" in lock
    # Another package of that version, which is not what the lock file was made with.
    assert lock in init({"main.tf": main, ".terraform.lock.hcl": lock}, "0.13.1")


@pytest.mark.parametrize(("tool", "version"), TOOLS)
def test_a_lock_file_of_another_platform_is_told_with_its_cure(
    serve: Serve, start: Start, tool: str, version: str
) -> None:
    host = "registry.opentofu.org" if tool == "tofu" else "registry.terraform.io"
    files = {
        "main.tf": requiring(time="hashicorp/time 0.14.2"),
        ".terraform.lock.hcl": LOCK.format(provider=f"{host}/hashicorp/time", version="0.14.2", hash="A" * 43 + "="),
    }
    api = serve(files, tofu=tool == "tofu", terraformVersion=version)
    # The registry is out of reach: what the folder's error says counts.
    assert start(api).wait() == 10
    assert api.attempt.result is not None
    assert api.attempt.result["message"] == (
        f"The checksums of {host}/hashicorp/time in .terraform.lock.hcl do not match {PLATFORM}: the file was "
        f"written on another platform. Run {tool} providers lock -platform={PLATFORM} and commit the file."
    )


def test_where_providers_come_from_is_left_to_a_workspace_that_says_so(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "source"
    local, other = "registry.terraform.io/acme/thing", "example.com/acme/other"
    for provider in (local, other):
        put(home / ".terraform.d/plugins", provider, "0.14.2")
    environment = {"HOME": str(home), "XDG_DATA_DIRS": str(tmp_path / "none")}
    missed = InitErrors(unavailable=frozenset({"acme/thing"}))
    assert cli_configuration(missed, folder, environment, "terraform") == (
        "\nprovider_installation {\n  filesystem_mirror {\n"
        f'    path = "{home}/.terraform.d/plugins"\n    exclude = ["{local}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{other}"]\n  }}\n}}\n'
    )
    assert cli_configuration(missed, folder, environment, "tofu") is None, "another registry's provider"
    assert cli_configuration(InitErrors(), folder, environment, "terraform") is None
    assert cli_configuration(missed, folder, {**environment, "TF_CLI_ARGS_init": "-plugin-dir=x"}, "terraform") is None

    own = home / ".terraformrc"
    own.write_text('credentials "example.com" {}\n')
    assert str(cli_configuration(missed, folder, environment, "terraform")).startswith('credentials "example.com" {}\n')
    own.write_text("provider_installation {}\n")
    assert cli_configuration(missed, folder, environment, "terraform") is None
    (tmp_path / "mine").write_text("")
    environment["TF_CLI_CONFIG_FILE"] = str(tmp_path / "mine")
    assert cli_configuration(missed, folder, environment, "terraform") is not None


def test_init_is_shown_as_it_comes_but_for_its_errors() -> None:
    shown: list[bytes] = []
    output = InitOutput(shown.append, quietly=False)
    for piece in ("Initiali", "zing\n╷\n", "│ Warning: old\n╵\n╷\n", "│ Error: bad\n│ more\n╵\n"):
        output.feed(piece.encode())
    assert b"".join(shown).decode() == "Initializing\n╷\n│ Warning: old\n╵\n"
    output.release()
    assert b"".join(shown).decode().endswith("╷\n│ Error: bad\n│ more\n╵\n")
