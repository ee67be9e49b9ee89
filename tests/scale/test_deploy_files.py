"""The files in deploy/: valid by their schemas, hardened, and in agreement with the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stridewell.settings import ROOT
from tests.conftest import in_ci

DEPLOY = ROOT / "deploy"
TOOLS = Path(os.environ.get("STRIDEWELL_TOOLS") or ROOT / ".venv-tools") / "bin"
KUBERNETES = "1.33"
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
OURS = ("dialogue-1", "dialogue-2", "actions")


def tool(name: str) -> str:
    """Return the path of a checker; they need other versions of libraries than Rasa does."""
    path = TOOLS / name if (TOOLS / name).is_file() else shutil.which(name)
    if path is None:
        message = f"{name} is not installed (requirements/tools.in)"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    return str(path)


def run(*command: str | Path) -> None:
    """Run a checker and show what it found."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def compose() -> dict[str, Any]:
    """Return the services of compose.yml by name."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
    return found


def objects(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the Kubernetes objects of one kind."""
    for path in MANIFESTS:
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if found["kind"] == kind:
                yield found


def test_compose_fits_its_schema() -> None:
    run(
        tool("check-jsonschema"),
        *("--builtin-schema", "vendor.compose-spec"),
        DEPLOY / "compose.yml",
    )


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: str(path.name))
def test_kubernetes_objects_fit_their_schemas(manifest: Path) -> None:
    run(tool("kubernetes-validate"), "--strict", "-k", KUBERNETES, manifest)


def test_yaml_is_tidy() -> None:
    run(tool("yamllint"), "-s", "-c", DEPLOY / "yamllint.yml", DEPLOY)


def test_kustomize_names_every_manifest_and_no_other() -> None:
    content = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    assert sorted(content["resources"]) == [path.name for path in MANIFESTS]


def test_nginx_accepts_its_settings(tmp_path: Path) -> None:
    if shutil.which("nginx") is None:
        if in_ci():
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    shutil.copytree(DEPLOY / "nginx", tmp_path / "nginx")
    servers = tmp_path / "nginx/servers.conf"
    servers.write_text(re.sub(r"dialogue-\d", "127.0.0.1", servers.read_text()))
    run("nginx", "-t", "-q", "-c", tmp_path / "nginx/nginx.conf")


@pytest.mark.parametrize("name", compose()["services"])
def test_a_container_is_hardened(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert re.search(r":[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z]+)?$", service["image"])


def test_only_nginx_publishes_a_port_and_leaves_the_inner_networks() -> None:
    content = compose()
    services = content["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    inner = {name for name, network in content["networks"].items() if network.get("internal")}
    for name, service in services.items():
        if name != "nginx":
            assert set(service["networks"]) <= inner


def test_secrets_are_files_and_stand_in_no_environment() -> None:
    content = compose()
    made = set(re.findall(r"> ([a-z_]+)$", (DEPLOY / "make-secrets").read_text(), re.MULTILINE))
    assert set(content["secrets"]) == made
    for service in content["services"].values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|DATABASE_URL|REDIS_URL|BROKER_URL", name):
                assert name.endswith("_FILE")
                assert str(value).startswith("/run/secrets/")


def test_make_secrets_makes_settings_that_the_servers_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stridewell.stores.settings import StoreSettings

    shutil.copy(DEPLOY / "make-secrets", tmp_path / "make-secrets")
    run(tmp_path / "make-secrets")
    for name in list(os.environ):
        if name.startswith("STRIDEWELL_"):
            monkeypatch.delenv(name)
    for name, value in compose()["services"]["dialogue-1"]["environment"].items():
        if name.endswith("_FILE"):
            value = str(value).replace("/run/secrets", str(tmp_path / "secrets"))
        if "${" not in str(value):
            monkeypatch.setenv(name, str(value))
    settings = StoreSettings.from_environment()
    assert settings.shared
    assert len(settings.secret_key) >= 32
    again = subprocess.run([tmp_path / "make-secrets"], capture_output=True, check=False)
    assert again.returncode == 1


def test_kubernetes_pods_are_hardened_probed_and_bounded() -> None:
    deployments = list(objects("Deployment"))
    assert [item["metadata"]["name"] for item in deployments] == ["actions", "dialogue"]
    for item in deployments:
        pod = item["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert container["resources"]["limits"]["memory"]
        assert item["spec"]["replicas"] >= 2


def test_every_deployment_scales_and_survives_maintenance() -> None:
    names = {item["metadata"]["name"] for item in objects("Deployment")}
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in objects("HorizontalPodAutoscaler")}
    assert scaled == names
    assert {item["metadata"]["name"] for item in objects("PodDisruptionBudget")} == names


def test_pods_may_talk_to_nobody_unless_a_policy_says_so() -> None:
    policies = {item["metadata"]["name"]: item["spec"] for item in objects("NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    callers = policies["actions"]["ingress"][0]["from"]
    assert callers == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "dialogue"}}}]


def test_nothing_names_a_setting_that_no_code_reads() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("stridewell", "channels", "components", "actions")
        for path in (ROOT / folder).rglob("*.py")
    )
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    for path in files:
        for name in re.findall(r"STRIDEWELL_[A-Z_]+", path.read_text(encoding="utf-8")):
            if name != "STRIDEWELL_PUBLISHED_PORT":
                assert name.removesuffix("_FILE") in code, f"{path.name}: {name}"
