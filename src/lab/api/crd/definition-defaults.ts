import { type Json, listOf, mapOf, textOf } from '../access.ts'
import { fill } from '../hooks/pod-defaults.ts'

export const definitionResource = 'customresourcedefinitions'
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

/** SetDefaults_CustomResourceDefinitionSpec of apiextensions-apiserver. */
export function defaultDefinition(definition: Json): void {
  definition['spec'] = mapOf(definition['spec'])
  const spec = definition['spec'] as Json
  const names = mapOf(spec['names'])
  spec['names'] = names
  if (textOf(names['kind']) !== '') {
    fill(names, 'singular', textOf(names['kind']).toLowerCase())
    fill(names, 'listKind', `${textOf(names['kind'])}List`)
  }
  fill(spec, 'conversion', { strategy: 'None' })
  const client = mapOf(mapOf(mapOf(spec['conversion'])['webhook'])['clientConfig'])
  if (client['service'] !== undefined) fill(mapOf(client['service']), 'port', 443)
  if (spec['preserveUnknownFields'] === false) delete spec['preserveUnknownFields']
}

/** Versions that objects have been stored in; the names are accepted a moment later. */
export const definitionStatus = (definition: Json): Json => ({
  conditions: null,
  acceptedNames: { plural: '', kind: '' },
  storedVersions: storageVersions(definition),
})

const storageVersions = (definition: Json): string[] =>
  listOf(mapOf(definition['spec'])['versions'])
    .filter((version) => version['storage'] === true)
    .map((version) => textOf(version['name']))

/** A new storage version joins those that were. */
export function carryOverDefinition(definition: Json, old: Json): void {
  const status = mapOf(definition['status'])
  const before: string[] = mapOf(old['status'])['storedVersions'] ?? []
  definition['status'] = { ...status, storedVersions: [...new Set([...before, ...storageVersions(definition)])] }
}

/** What DELETE does: a finalizer holds the definition until its objects are gone. */
export function markDefinition(definition: Json, now: string): void {
  const metadata = mapOf(definition['metadata'])
  const finalizers: string[] = metadata['finalizers'] ?? []
  metadata['finalizers'] = [...new Set([...finalizers, cleanupFinalizer])]
  const words = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon'
  setCondition(definition, 'Terminating', 'True', 'InstanceDeletionPending', words, now)
}

/** Sets a condition in place; the time tells when its status last changed. */
export function setCondition(
  definition: Json,
  type: string,
  status: string,
  reason: string,
  message: string,
  now: string,
): void {
  const conditions = listOf(mapOf(definition['status'])['conditions'])
  const old = conditions.find((condition) => condition['type'] === type)
  const lastTransitionTime = old?.['status'] === status ? old['lastTransitionTime'] : now
  const condition = { type, status, lastTransitionTime, reason, message }
  const next = old === undefined ? [...conditions, condition] : conditions.map((one) => (one === old ? condition : one))
  definition['status'] = { ...mapOf(definition['status']), conditions: next }
}
