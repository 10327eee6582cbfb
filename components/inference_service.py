"""A model as an HTTP service that never drops a request while pods come and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from app import contract
from components.route import Route, RouteArgs, RouteLimits
from components.traffic import Egress, from_namespace
from components.workload import AwsAccess, Image, Resources, Workload, pod_security

if TYPE_CHECKING:
    from components.edge import Edge
    from components.identity import Identity
    from components.tags import Tags

COMPONENT = "inference-service"

ENDPOINT_REMOVAL_SECONDS = 10
"""How long a pod that is being deleted still serves: until every proxy has heard that it leaves."""

DRAIN_SECONDS = 20
"""How long it then has for the requests it has begun."""

MINIMUM_READY_SECONDS = 3
"""How long a new pod has to stay ready until an old one is taken away."""

DEFAULT_RESOURCES = Resources(cpu="250m", memory="512Mi")

FULL_PERCENT = 100
CALM_SECONDS = 300
"""How long load has to be low until pods are taken away; it keeps a wave from being met by too few."""

core = kubernetes.core.v1
meta = kubernetes.meta.v1


@dataclass(frozen=True)
class Autoscaling:
    """How the number of pods follows the load.

    Attributes:
        most: pods at most; more load than they bear is answered late, then 503.
        cpu_percent: of the CPU that pods ask for, above which pods are added, default 70. Nearer to 100, new
            pods come too late.
    """

    most: int
    cpu_percent: int = 70

    def __post_init__(self) -> None:
        """Refuse a target that never adds a pod, or always does."""
        if not 1 <= self.cpu_percent <= FULL_PERCENT:
            raise ValueError(
                f"Pods are added above {self.cpu_percent} % CPU; 1 to {FULL_PERCENT} makes sense. Change "
                "cpuPercent in plinth:serving."
            )


@dataclass(frozen=True)
class InferenceServiceArgs:
    """What the service needs to know.

    Attributes:
        tags: ownership.
        namespace: where it runs.
        edge: the Gateway that its route hangs on.
        image: the serving image.
        identity: service account and role, with the right to read the model's artifacts.
        aws: how it reaches AWS.
        egress: where it may connect to.
        model: name of the model.
        version: version that is served.
        artifact_sha256: hash of the version's artifact; a pod that finds another never gets ready.
        artifact_bucket: where the artifact is.
        monitoring_namespace: the only namespace that may read its metrics.
        replicas: pods, default 2; with one, deleting it interrupts the service. With autoscaling, the least.
        autoscaling: see `Autoscaling`, default None: the number of pods is fixed. It needs metrics-server.
        resources: of each pod. Too little memory kills pods under load.
        scratch: room for the verified local copy of the artifact, default 256Mi.
        rollout_seconds: how long a rollout may go without progress until it has failed, default 300. The old
            version serves on meanwhile, and afterwards.
        limits: what the proxies allow one route.
    """

    tags: Tags
    namespace: pulumi.Input[str]
    edge: Edge
    image: Image
    identity: Identity
    aws: AwsAccess
    egress: Egress
    model: str
    version: str
    artifact_sha256: str
    artifact_bucket: pulumi.Input[str]
    monitoring_namespace: str
    replicas: int = 2
    autoscaling: Autoscaling | None = None
    resources: Resources = DEFAULT_RESOURCES
    scratch: str = "256Mi"
    rollout_seconds: int = 300
    limits: RouteLimits = field(default_factory=RouteLimits)

    def __post_init__(self) -> None:
        """Refuse a service that can't serve."""
        if self.replicas < 1:
            raise ValueError(
                f"The inference service has {self.replicas} replicas; it needs at least 1, and 2 to survive "
                "the loss of one. Change replicas in plinth:serving; to serve nothing, "
                "remove the release file."
            )
        if self.autoscaling is not None and self.autoscaling.most < self.replicas:
            raise ValueError(
                f"The inference service has at least {self.replicas} replicas and at most "
                f"{self.autoscaling.most}. Raise mostReplicas in plinth:serving, or lower replicas."
            )


class InferenceService(pulumi.ComponentResource):
    """Deployment, Service, route and all that keeps them safe.

    Attributes:
        version: what is served; known only when every pod of it is ready.
        artifact_sha256: the hash of its artifact, likewise.
        service_name: the Service in the cluster.
    """

    version: pulumi.Output[str]
    artifact_sha256: pulumi.Output[str]
    service_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: InferenceServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("plinth:index:InferenceService", name, None, opts)
        self._prefix = name
        self._args = args
        self._selector = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": COMPONENT}
        network_policy = self._create_network_policy()
        deployment = self._create_deployment(network_policy)
        self._create_disruption_budget()
        if args.autoscaling is not None:
            self._create_autoscaler(args.autoscaling, deployment)
        service = self._create_service()
        Route(
            f"{name}-route",
            RouteArgs(
                tags=args.tags,
                namespace=args.namespace,
                route=name,
                gateway_name=args.edge.gateway_name,
                gateway_namespace=args.edge.gateway_namespace,
                service_name=service.metadata.name,
                service_port=contract.SERVING_PORT,
                ready_path=contract.READY_PATH,
                limits=args.limits,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.version = deployment.id.apply(lambda _: args.version)
        self.artifact_sha256 = deployment.id.apply(lambda _: args.artifact_sha256)
        self.service_name = service.metadata.name
        self.register_outputs(
            {
                "version": self.version,
                "artifact_sha256": self.artifact_sha256,
                "service_name": self.service_name,
            }
        )

    def _metadata(self) -> kubernetes.meta.v1.ObjectMetaArgs:
        return meta.ObjectMetaArgs(
            name=self._prefix,
            namespace=self._args.namespace,
            labels={**self._args.tags.kubernetes(COMPONENT), **self._selector},
        )

    def _create_deployment(
        self, network_policy: kubernetes.networking.v1.NetworkPolicy
    ) -> kubernetes.apps.v1.Deployment:
        args = self._args
        return kubernetes.apps.v1.Deployment(
            f"{self._prefix}-deployment",
            metadata=self._metadata(),
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                # The autoscaler's field is not declared, or every update would put it back.
                replicas=None if args.autoscaling else args.replicas,
                selector=meta.LabelSelectorArgs(match_labels=self._selector),
                min_ready_seconds=MINIMUM_READY_SECONDS,
                progress_deadline_seconds=args.rollout_seconds,
                strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                        max_unavailable=0, max_surge=1
                    ),
                ),
                template=self._pod_template(),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[network_policy]),
        )

    def _pod_template(self) -> kubernetes.core.v1.PodTemplateSpecArgs:
        args = self._args
        workload = Workload(
            name="serving",
            image=args.image,
            command=contract.SERVING_COMMAND,
            variables={
                contract.ServingVariable.MODEL.value: args.model,
                contract.ServingVariable.MODEL_VERSION.value: args.version,
                contract.ServingVariable.ARTIFACT_BUCKET.value: args.artifact_bucket,
                contract.ServingVariable.ARTIFACT_SHA256.value: args.artifact_sha256,
            },
            resources=args.resources,
            identity=args.identity,
            aws=args.aws,
            scratch=args.scratch,
        )
        return core.PodTemplateSpecArgs(
            metadata=meta.ObjectMetaArgs(labels={**args.tags.kubernetes(COMPONENT), **self._selector}),
            spec=core.PodSpecArgs(
                service_account_name=args.identity.service_account_name,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=pod_security(),
                termination_grace_period_seconds=ENDPOINT_REMOVAL_SECONDS + DRAIN_SECONDS,
                topology_spread_constraints=[
                    self._spread("kubernetes.io/hostname"),
                    self._spread("topology.kubernetes.io/zone"),
                ],
                containers=[workload.container(ports=self._ports(), lifecycle=self._lifecycle(), **probes())],
                volumes=workload.volumes(),
            ),
        )

    def _ports(self) -> list[kubernetes.core.v1.ContainerPortArgs]:
        return [
            core.ContainerPortArgs(name="http", container_port=contract.SERVING_PORT),
            core.ContainerPortArgs(name="metrics", container_port=contract.METRICS_PORT),
        ]

    def _lifecycle(self) -> kubernetes.core.v1.LifecycleArgs:
        pause = core.SleepActionArgs(seconds=ENDPOINT_REMOVAL_SECONDS)
        return core.LifecycleArgs(pre_stop=core.LifecycleHandlerArgs(sleep=pause))

    def _spread(self, topology_key: str) -> kubernetes.core.v1.TopologySpreadConstraintArgs:
        return core.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=topology_key,
            # A cluster with one node or zone left serves on, unevenly.
            when_unsatisfiable="ScheduleAnyway",
            label_selector=meta.LabelSelectorArgs(match_labels=self._selector),
            match_label_keys=["pod-template-hash"],
        )

    def _create_autoscaler(
        self, autoscaling: Autoscaling, deployment: kubernetes.apps.v1.Deployment
    ) -> kubernetes.autoscaling.v2.HorizontalPodAutoscaler:
        v2 = kubernetes.autoscaling.v2
        return v2.HorizontalPodAutoscaler(
            f"{self._prefix}-autoscaler",
            metadata=self._metadata(),
            spec=v2.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=v2.CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=deployment.metadata.name
                ),
                min_replicas=self._args.replicas,
                max_replicas=autoscaling.most,
                metrics=[
                    v2.MetricSpecArgs(
                        type="Resource",
                        resource=v2.ResourceMetricSourceArgs(
                            name="cpu",
                            target=v2.MetricTargetArgs(
                                type="Utilization", average_utilization=autoscaling.cpu_percent
                            ),
                        ),
                    )
                ],
                behavior=v2.HorizontalPodAutoscalerBehaviorArgs(
                    scale_down=v2.HPAScalingRulesArgs(stabilization_window_seconds=CALM_SECONDS)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_disruption_budget(self) -> kubernetes.policy.v1.PodDisruptionBudget:
        return kubernetes.policy.v1.PodDisruptionBudget(
            f"{self._prefix}-disruption-budget",
            metadata=self._metadata(),
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                # A pod that never got ready must not keep a node from being drained.
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=meta.LabelSelectorArgs(match_labels=self._selector),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_network_policy(self) -> kubernetes.networking.v1.NetworkPolicy:
        args = self._args
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._prefix}-network-policy",
            metadata=self._metadata(),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.LabelSelectorArgs(match_labels=self._selector),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    from_namespace(args.edge.gateway_namespace, contract.SERVING_PORT),
                    from_namespace(args.monitoring_namespace, contract.METRICS_PORT),
                ],
                egress=args.egress.rules(),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_service(self) -> kubernetes.core.v1.Service:
        return core.Service(
            f"{self._prefix}-service",
            metadata=self._metadata(),
            spec=core.ServiceSpecArgs(
                type="ClusterIP",
                selector=self._selector,
                ports=[
                    core.ServicePortArgs(
                        name="http", port=contract.SERVING_PORT, target_port="http", app_protocol="http"
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def probes() -> dict[str, kubernetes.core.v1.ProbeArgs]:
    """Alive says that the process answers; ready says that the model with the right hash is loaded."""

    def probe(path: str, period: int, failures: int) -> kubernetes.core.v1.ProbeArgs:
        return core.ProbeArgs(
            http_get=core.HTTPGetActionArgs(path=path, port="http"),
            period_seconds=period,
            timeout_seconds=2,
            failure_threshold=failures,
        )

    return {
        # A minute to import and to listen, looked at every second so that a start is noticed at once.
        "startup_probe": probe(contract.LIVE_PATH, period=1, failures=60),
        "liveness_probe": probe(contract.LIVE_PATH, period=10, failures=3),
        "readiness_probe": probe(contract.READY_PATH, period=2, failures=2),
    }
