import type { Kind } from '../kind.ts'
import type { StructSchema } from './schema-types.ts'
import { customSchema } from './structural.ts'
import { rootTypes, typeNamed } from './types.ts'

/** Kinds whose type has another name in the table. */
const renamed: Readonly<Record<string, string>> = {
  'events.k8s.io/v1/Event': 'EventsEvent',
  'autoscaling/v1/HorizontalPodAutoscaler': 'HorizontalPodAutoscalerV1',
  'authentication.k8s.io/v1/TokenRequest': 'AuthenticationTokenRequest',
}

const groups: ReadonlySet<string> = new Set([
  '',
  'apps',
  'batch',
  'autoscaling',
  'discovery.k8s.io',
  'networking.k8s.io',
  'coordination.k8s.io',
  'events.k8s.io',
  'rbac.authorization.k8s.io',
  'policy',
  'storage.k8s.io',
  'scheduling.k8s.io',
  'admissionregistration.k8s.io',
  'node.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
])

/** The schema of a kind: of the table, or of its CRD; undefined where neither is known. */
export function schemaOf(kind: Pick<Kind, 'group' | 'version' | 'kind' | 'custom'>): StructSchema | undefined {
  if (kind.custom !== undefined) return customSchema(kind.custom.schema)
  if (!groups.has(kind.group)) return undefined
  const name = renamed[`${kind.group}/${kind.version}/${kind.kind}`] ?? kind.kind
  return rootTypes.has(name) ? typeNamed(name) : undefined
}
