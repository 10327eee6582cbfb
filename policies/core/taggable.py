"""AWS resource types that take tags, as far as an environment of ours could declare them.

Objects in buckets are left out: they belong to their bucket, whose tags say everything.
"""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
    acm/certificate athena/capacityReservation athena/dataCatalog athena/workgroup backup/framework
    backup/logicallyAirGappedVault backup/plan backup/reportPlan backup/restoreTestingPlan backup/vault
    budgets/budget budgets/budgetAction cloudfront/distribution cloudtrail/eventDataStore cloudtrail/trail
    cloudwatch/alarmMuteRule cloudwatch/compositeAlarm cloudwatch/contributorInsightRule
    cloudwatch/contributorManagedInsightRule cloudwatch/eventBus cloudwatch/eventRule
    cloudwatch/internetMonitor cloudwatch/logAnomalyDetector cloudwatch/logDelivery
    cloudwatch/logDeliveryDestination cloudwatch/logDeliverySource cloudwatch/logDestination
    cloudwatch/logGroup cloudwatch/metricAlarm cloudwatch/metricStream cognito/identityPool cognito/userPool
    dynamodb/table dynamodb/tableReplica ebs/snapshot ebs/snapshotCopy ebs/snapshotImport ebs/volume
    ebs/volumeCopy ec2/ami ec2/amiCopy ec2/amiFromInstance ec2/capacityBlockReservation
    ec2/capacityReservation ec2/carrierGateway ec2/customerGateway ec2/dedicatedHost ec2/defaultNetworkAcl
    ec2/defaultRouteTable ec2/defaultSecurityGroup ec2/defaultSubnet ec2/defaultVpc
    ec2/defaultVpcDhcpOptions ec2/egressOnlyInternetGateway ec2/eip ec2/encryptionControl ec2/fleet
    ec2/flowLog ec2/instance ec2/internetGateway ec2/keyPair ec2/launchTemplate ec2/localGatewayRouteTable
    ec2/localGatewayRouteTableVirtualInterfaceGroupAssociation ec2/localGatewayRouteTableVpcAssociation
    ec2/managedPrefixList ec2/natGateway ec2/networkAcl ec2/networkInsightsAccessScope
    ec2/networkInsightsAnalysis ec2/networkInsightsPath ec2/networkInterface ec2/placementGroup
    ec2/routeTable ec2/secondaryNetwork ec2/secondarySubnet ec2/securityGroup ec2/spotFleetRequest
    ec2/spotInstanceRequest ec2/subnet ec2/trafficMirrorFilter ec2/trafficMirrorSession
    ec2/trafficMirrorTarget ec2/vpc ec2/vpcBlockPublicAccessExclusion ec2/vpcDhcpOptions
    ec2/vpcEncryptionControl ec2/vpcEndpoint ec2/vpcEndpointService ec2/vpcIpam ec2/vpcIpamPool
    ec2/vpcIpamPoolCidrAllocation ec2/vpcIpamResourceDiscovery ec2/vpcIpamResourceDiscoveryAssociation
    ec2/vpcIpamScope ec2/vpcPeeringConnection ec2/vpcPeeringConnectionAccepter ec2/vpnConcentrator
    ec2/vpnConnection ec2/vpnGateway ecr/repository efs/accessPoint efs/fileSystem eks/accessEntry eks/addon
    eks/capability eks/cluster eks/fargateProfile eks/identityProviderConfig eks/nodeGroup
    eks/podIdentityAssociation glue/catalogDatabase glue/job glue/registry iam/instanceProfile
    iam/openIdConnectProvider iam/policy iam/role iam/samlProvider iam/serverCertificate
    iam/serviceLinkedRole iam/user iam/virtualMfaDevice kinesis/analyticsApplication
    kinesis/firehoseDeliveryStream kinesis/stream kinesis/streamConsumer kinesis/videoStream kms/externalKey
    kms/key kms/replicaExternalKey kms/replicaKey lambda/capacityProvider lambda/codeSigningConfig
    lambda/eventSourceMapping lambda/function lambda/microvmsImage lb/listener lb/listenerRule
    lb/loadBalancer lb/targetGroup lb/trustStore rds/cluster rds/clusterEndpoint rds/clusterInstance
    rds/clusterParameterGroup rds/clusterSnapshot rds/clusterSnapshotCopy rds/customDbEngineVersion
    rds/eventSubscription rds/globalCluster rds/instance rds/integration rds/optionGroup rds/parameterGroup
    rds/proxy rds/proxyEndpoint rds/reservedInstance rds/shardGroup rds/snapshot rds/snapshotCopy
    rds/subnetGroup route53/zone s3/accessPoint s3/bucket s3/directoryBucket s3/filesAccessPoint
    s3/filesFileSystem s3/vectorsIndex s3/vectorsVectorBucket scheduler/scheduleGroup secretsmanager/secret
    sfn/activity sfn/stateMachine sns/topic sqs/queue ssm/parameter vpc/routeServer vpc/routeServerEndpoint
    vpc/routeServerPeer vpc/securityGroupEgressRule vpc/securityGroupIngressRule wafv2/ipSet
    wafv2/regexPatternSet wafv2/ruleGroup wafv2/webAcl
"""


def _token(name: str) -> str:
    last = name.rpartition("/")[2]
    return f"aws:{name}:{last[0].upper()}{last[1:]}"


TAGGABLE: Final = frozenset(_token(name) for name in _NAMES.split())
"""Type tokens; a test compares them with the provider's SDK."""
