// Vestibule on Azure Container Apps: portals, a worker, PostgreSQL, and a key in Key Vault that wraps what handoffs are sealed
// with. Build and push the image of the Dockerfile first. Not deployed by the tests.
//   az deployment group create -g <group> -f deploy/main.bicep -p image=<registry>/vestibule:<tag> ...

@description('The image that was pushed')
param image string
@description('Where people reach the portal, such as https://onboarding.example.com; without it the name that Container Apps gives')
param baseUrl string = ''
@description('The portal\'s registration in the vendor\'s tenant (npm run register-portal)')
param tenantId string
param clientId string
@description('The object id of that registration\'s service principal in the tenant of this subscription: it wraps and unwraps keys')
param servicePrincipalId string
@secure()
param clientSecret string
@description('id:key, 32 bytes as base64url; several separated by commas (docs/operator.md)')
@secure()
param keys string
@secure()
param smtpUrl string
param mailFrom string
@secure()
param databasePassword string
param location string = resourceGroup().location
param name string = 'vestibule'
@minValue(2)
param portals int = 2

var suffix = uniqueString(resourceGroup().id)
var databaseName = 'vestibule'

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${name}-logs'
  location: location
  properties: { sku: { name: 'PerGB2018' }, retentionInDays: 30 }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: take('${name}${suffix}', 24)
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
  }
}

resource wrappingKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' = {
  parent: vault
  name: 'vestibule'
  properties: { kty: 'RSA', keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] }
}

// Key Vault Crypto User
resource mayWrap 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, servicePrincipalId, 'crypto-user')
  scope: vault
  properties: {
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '12338af0-0e69-4776-bea7-57ae8d297424')
  }
}

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: '${name}-${suffix}'
  location: location
  sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' }
  properties: {
    version: '17'
    administratorLogin: 'vestibule'
    administratorLoginPassword: databasePassword
    storage: { storageSizeGB: 128, autoGrow: 'Enabled' }
    // Recovery to a point in time; the portal notices it (docs/operator.md, Backup and restore).
    backup: { backupRetentionDays: 35, geoRedundantBackup: 'Disabled' }
    highAvailability: { mode: 'ZoneRedundant' }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2024-08-01' = {
  parent: server
  name: databaseName
}

resource fromAzure 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = {
  parent: server
  name: 'azure'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
}

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: '${name}-environment'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: { customerId: logs.properties.customerId, sharedKey: logs.listKeys().primarySharedKey }
    }
  }
}

var secrets = [
  { name: 'client-secret', value: clientSecret }
  { name: 'keys', value: keys }
  { name: 'smtp-url', value: smtpUrl }
  { name: 'database-url', value: 'postgresql://vestibule:${uriComponent(databasePassword)}@${server.properties.fullyQualifiedDomainName}:5432/${databaseName}?sslmode=verify-full' }
]
var settings = [
  { name: 'BASE_URL', value: empty(baseUrl) ? 'https://${name}-portal.${environment.properties.defaultDomain}' : baseUrl }
  { name: 'AZURE_TENANT_ID', value: tenantId }
  { name: 'AZURE_CLIENT_ID', value: clientId }
  { name: 'AZURE_CLIENT_SECRET', secretRef: 'client-secret' }
  { name: 'VESTIBULE_KEYS', secretRef: 'keys' }
  { name: 'KEY_VAULT_KEY', value: '${vault.properties.vaultUri}keys/${wrappingKey.name}' }
  { name: 'SMTP_URL', secretRef: 'smtp-url' }
  { name: 'MAIL_FROM', value: mailFrom }
  { name: 'DATABASE_URL', secretRef: 'database-url' }
  { name: 'TRUSTED_PROXIES', value: '1' }
]

// Once for each new image, before it: az containerapp job start -n <name>-migrate -g <group>
resource migrate 'Microsoft.App/jobs@2024-03-01' = {
  name: '${name}-migrate'
  location: location
  properties: {
    environmentId: environment.id
    configuration: { triggerType: 'Manual', replicaTimeout: 600, replicaRetryLimit: 0, manualTriggerConfig: { parallelism: 1, replicaCompletionCount: 1 }, secrets: secrets }
    template: {
      containers: [
        { name: 'migrate', image: image, command: ['node', 'migrate.js'], env: settings, resources: { cpu: json('0.5'), memory: '1Gi' } }
      ]
    }
  }
}

resource portal 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-portal'
  location: location
  properties: {
    managedEnvironmentId: environment.id
    configuration: {
      ingress: { external: true, targetPort: 3000, allowInsecure: false, stickySessions: { affinity: 'none' } }
      secrets: secrets
    }
    template: {
      containers: [
        {
          name: 'portal'
          image: image
          env: concat(settings, [{ name: 'ERRANDS', value: 'elsewhere' }])
          resources: { cpu: json('1'), memory: '2Gi' }
          probes: [
            // It listens only when the database answers and a restore is settled.
            { type: 'Startup', tcpSocket: { port: 3000 }, periodSeconds: 2, failureThreshold: 60 }
            { type: 'Readiness', tcpSocket: { port: 3000 }, periodSeconds: 5 }
          ]
        }
      ]
      scale: { minReplicas: portals, maxReplicas: 10, rules: [{ name: 'requests', http: { metadata: { concurrentRequests: '200' } } }] }
    }
  }
}

resource errands 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-worker'
  location: location
  properties: {
    managedEnvironmentId: environment.id
    configuration: { secrets: secrets }
    template: {
      containers: [
        { name: 'worker', image: image, command: ['node', 'worker.js'], env: settings, resources: { cpu: json('0.5'), memory: '1Gi' } }
      ]
      scale: { minReplicas: 1, maxReplicas: 3 }
    }
  }
}

output url string = 'https://${portal.properties.configuration.ingress.fqdn}'
