import type { MergeNode, MergeTree } from './kind.ts'

/**
 * Which lists merge, and by which key, in a strategic merge patch: the `patchStrategy` and `patchMergeKey` tags of the Go
 * types. A list that is not named here is replaced as a whole.
 */
const by = (key: string, fields?: MergeTree): MergeNode => (fields === undefined ? { key } : { key, fields })
const below = (fields: MergeTree): MergeNode => ({ fields })

const metadata: MergeNode = below({ ownerReferences: by('uid'), finalizers: { set: true } })

const container: MergeTree = {
  env: by('name'),
  ports: by('containerPort'),
  volumeMounts: by('mountPath'),
  volumeDevices: by('devicePath'),
}

const podSpec: MergeTree = {
  containers: by('name', container),
  initContainers: by('name', container),
  ephemeralContainers: by('name', container),
  volumes: by('name'),
  imagePullSecrets: by('name'),
  hostAliases: by('ip'),
  topologySpreadConstraints: by('topologyKey'),
  schedulingGates: by('name'),
  resourceClaims: by('name'),
}

export const plainTree: MergeTree = { metadata }

export const podTree: MergeTree = {
  metadata,
  spec: below(podSpec),
  status: below({ conditions: by('type'), podIPs: by('ip'), hostIPs: by('ip') }),
}

export const workloadTree: MergeTree = {
  metadata,
  spec: below({ template: below({ metadata, spec: below(podSpec) }) }),
  status: below({ conditions: by('type') }),
}

export const serviceTree: MergeTree = {
  metadata,
  spec: below({ ports: by('port') }),
  status: below({ conditions: by('type') }),
}

export const nodeTree: MergeTree = {
  metadata,
  spec: below({ podCIDRs: { set: true } }),
  status: below({ conditions: by('type'), addresses: by('type') }),
}

export const namespaceTree: MergeTree = { metadata, status: below({ conditions: by('type') }) }
export const serviceAccountTree: MergeTree = { metadata, secrets: by('name') }
