"""The compliant environment's half in Kubernetes."""

from __future__ import annotations

from typing import Any

from tests.policies.compliant import DIGEST, IMAGE, SHA256, Properties, entry

NAMESPACE = "plinth"
GATEWAY_API = "kubernetes:gateway.networking.k8s.io/v1"
ENVOY = "kubernetes:gateway.envoyproxy.io/v1alpha1"


def named(name: str, **fields: Any) -> Properties:
    return {"metadata": {"name": name, "namespace": NAMESPACE}, **fields}


def container(**changes: Any) -> Properties:
    probe = {"httpGet": {"path": "/v2/health/live", "port": 8080}}
    return {
        "name": "main",
        "image": IMAGE,
        "env": [
            {"name": "PLINTH_MODEL", "value": "support2-mortality"},
            {"name": "PLINTH_MODEL_VERSION", "value": "v1"},
            {"name": "PLINTH_ARTIFACT_SHA256", "value": SHA256},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/aws/token"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}},
        ],
        "ports": [{"containerPort": 8080}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        **changes,
    }


def pod(app: str, **changes: Any) -> Properties:
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
                "sysctls": [{"name": "net.ipv4.tcp_keepalive_time", "value": "300"}],
            },
            "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 1}],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "containers": [container(**changes)],
        },
    }


def network_policies() -> list[Properties]:
    token = "kubernetes:networking.k8s.io/v1:NetworkPolicy"  # noqa: S105 - a type
    both = ["Ingress", "Egress"]
    peers = [{"podSelector": {"matchLabels": {"app": "gateway"}}}]
    spec = {
        "podSelector": {
            "matchExpressions": [{"key": "app", "operator": "In", "values": ["serving", "training"]}]
        },
        "policyTypes": both,
        "ingress": [{"from": peers, "ports": [{"port": 8080}]}],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 443}]}],
    }
    proxies = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "envoy-gateway"}},
        "policyTypes": both,
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 10443}]}],
    }
    return [
        entry(token, "proxies", named("proxies", spec=proxies)),
        entry(token, "deny-all", named("deny-all", spec={"podSelector": {}, "policyTypes": both})),
        entry(token, "workloads", named("workloads", spec=spec)),
    ]


def edge() -> list[Properties]:
    gateway = {
        "listeners": [
            {
                "name": "https",
                "protocol": "HTTPS",
                "port": 443,
                "tls": {"certificateRefs": [{"name": "cert"}]},
            },
            {"name": "http", "protocol": "HTTP", "port": 80},
        ]
    }
    route = {
        "parentRefs": [{"name": "edge", "sectionName": "https"}],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
                "backendRefs": [{"name": "serving"}],
            },
            {
                "matches": [{"path": {"type": "Exact", "value": "/v2/health/live"}}],
                "backendRefs": [{"name": "serving"}],
            },
        ],
    }
    redirect = {
        "parentRefs": [{"name": "edge", "sectionName": "http"}],
        "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}],
    }
    on_route = [{"kind": "HTTPRoute", "name": "api"}]
    on_gateway = [{"kind": "Gateway", "name": "edge"}]
    held = container()
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    envoy = {
        "replicas": 2,
        "container": {
            "image": f"envoy@{DIGEST}",
            "securityContext": held["securityContext"],
            "resources": held["resources"],
        },
        "pod": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "topologySpreadConstraints": [spread],
        },
    }
    proxy = {"provider": {"kubernetes": {"envoyDeployment": envoy, "envoyPDB": {"maxUnavailable": 1}}}}
    return [
        entry(f"{GATEWAY_API}:Gateway", "edge", named("edge", spec=gateway)),
        entry(f"{GATEWAY_API}:HTTPRoute", "api", named("api", spec=route)),
        entry(f"{GATEWAY_API}:HTTPRoute", "redirect", named("redirect", spec=redirect)),
        entry(
            f"{ENVOY}:SecurityPolicy",
            "callers-policy",
            named("callers", spec={"targetRefs": on_route, "jwt": {"providers": [{"name": "pool"}]}}),
        ),
        entry(
            f"{ENVOY}:BackendTrafficPolicy",
            "rates-policy",
            named(
                "rates",
                spec={
                    "targetRefs": on_gateway,
                    "rateLimit": {"local": {"rules": [{"limit": {"requests": 100, "unit": "Second"}}]}},
                },
            ),
        ),
        entry(
            f"{ENVOY}:ClientTrafficPolicy",
            "clients-policy",
            named("clients", spec={"targetRefs": on_gateway, "tls": {"minVersion": "1.2"}}),
        ),
        entry(f"{ENVOY}:EnvoyProxy", "proxy", named("proxy", spec=proxy)),
    ]


def rights() -> list[Properties]:
    rbac = "kubernetes:rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    return [
        entry(f"{rbac}:Role", "reader", named("reader", rules=rules)),
        entry(
            f"{rbac}:RoleBinding",
            "reader-binding",
            named("reader", roleRef={"name": "reader"}, subjects=[{"kind": "ServiceAccount", "name": "a"}]),
        ),
    ]


def workloads() -> list[Properties]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    serving = {"replicas": 2, "template": pod("serving")}
    return [
        entry(
            "kubernetes:core/v1:Namespace", "namespace", {"metadata": {"name": NAMESPACE, "labels": labels}}
        ),
        *network_policies(),
        entry("kubernetes:apps/v1:Deployment", "serving-deployment", named("serving", spec=serving)),
        entry(
            "kubernetes:batch/v1:Job", "training-job", named("training", spec={"template": pod("training")})
        ),
        entry(
            "kubernetes:batch/v1:CronJob",
            "drift-job",
            named("drift", spec={"jobTemplate": {"spec": {"template": pod("training")}}}),
        ),
        entry(
            "kubernetes:policy/v1:PodDisruptionBudget",
            "serving-budget",
            named("serving", spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "serving"}}}),
        ),
        entry("kubernetes:core/v1:Service", "serving-service", named("serving", spec={"type": "ClusterIP"})),
        entry("kubernetes:core/v1:ConfigMap", "settings", named("settings", data={"level": "info"})),
        entry(
            "kubernetes:helm.sh/v3:Release",
            "envoy-gateway",
            {"name": "envoy-gateway", "namespace": NAMESPACE, "chart": "gateway-helm", "version": "1.8.0"},
        ),
        *edge(),
        *rights(),
    ]


def manifests() -> list[Properties]:
    """What the chart renders."""
    controller = pod("serving")
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "controller"},
            "spec": {"template": controller},
        }
    ]
