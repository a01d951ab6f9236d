"""The commands and values that README and docs/kubernetes.md show."""

import shlex
import textwrap

import pytest
import yaml

from tests.deploy.chart import CHART, DEPLOY, KUBERNETES, NAME, Values, helm, kinds, pods, refusal, render

pytestmark = pytest.mark.helm

README = DEPLOY.parent / "README.md"
GUIDE = DEPLOY.parent / "docs" / "kubernetes.md"


def test_the_readmes_installation_is_a_trial_with_the_guides_account() -> None:
    text = README.read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = (line.strip() for line in text.splitlines() if line.strip().startswith("helm install "))
    words = [word for word in shlex.split(line) if word not in ("--wait", "--create-namespace")]
    assert words[1:4] == ["install", "site", "deploy/chart"]
    answer = helm("template", "site", str(CHART), "--kube-version", KUBERNETES, *words[4:])
    assert answer.returncode == 0, answer.stderr
    objects = [each for each in yaml.safe_load_all(answer.stdout) if each]
    assert {"StatefulSet", "ServiceAccount", "Role", "RoleBinding"} <= set(kinds(objects))
    (trial,) = (pod for name, pod in pods(objects).items() if name == NAME)
    assert trial["containers"][0]["image"] == "registry.example/terrakube-site:0.1.0"
    assert f"statefulset/{NAME} " in text


def test_the_guides_values_of_a_production_installation_are_taken() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    block = text[text.index("       api:\n") : text.index("3. **Install, and test**")]
    values: Values = yaml.safe_load(textwrap.dedent(block))
    objects = render(values)
    web = pods(objects)[f"{NAME}-web"]["containers"][0]
    assert web["image"] == "registry.example/terrakube-site:0.1.0"
    assert {"name": "TerrakubeApiUrl", "value": "https://terrakube.example"} in web["env"]


def test_the_guides_refusal_is_what_the_chart_says() -> None:
    said = refusal({"api": {"replicaCout": 2}})
    for line in ("- at '/api': additional properties 'replicaCout' not allowed",):
        assert line in said
        assert line in GUIDE.read_text(encoding="utf-8")
