import { hasCondition, isMap, type Json, listOf, mapOf, textOf } from '../access.ts'
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../field-errors.ts'
import { dnsLabelErrors, dnsSubdomainErrors } from '../names.ts'
import { structuralErrors } from './structural.ts'

const approval = 'api-approved.kubernetes.io'

/** ValidateCustomResourceDefinition of apiextensions-apiserver. */
export function definitionErrors(definition: Json, old: Json | undefined): FieldError[] {
  const spec = mapOf(definition['spec'])
  const metadata = mapOf(definition['metadata'])
  const { group, scope, names } = spec
  const expected = `${textOf(mapOf(names)['plural'])}.${textOf(group)}`
  return [
    ...(metadata['name'] === expected
      ? []
      : [invalidValue('metadata.name', metadata['name'], 'must be spec.names.plural+"."+spec.group')]),
    ...groupErrors(textOf(group)),
    ...(scope === undefined
      ? [required('spec.scope')]
      : scope === 'Cluster' || scope === 'Namespaced'
        ? []
        : [notSupported('spec.scope', scope, ['Cluster', 'Namespaced'])]),
    ...namesErrors(mapOf(names)),
    ...versionsErrors(definition),
    ...(spec['preserveUnknownFields'] === true
      ? [invalidValue('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')]
      : []),
    ...approvalErrors(textOf(group), mapOf(metadata['annotations'])),
    ...(old === undefined ? [] : changeErrors(spec, old)),
  ]
}

function groupErrors(group: string): FieldError[] {
  if (group === '') return [required('spec.group')]
  const words = dnsSubdomainErrors(group)
  if (words.length > 0) return words.map((one) => invalidValue('spec.group', group, one))
  return group.includes('.') ? [] : [invalidValue('spec.group', group, 'should be a domain with at least one dot')]
}

/** Groups that belong to Kubernetes itself are for what its community has agreed to. */
function approvalErrors(group: string, annotations: Json): FieldError[] {
  const reserved = group === 'k8s.io' || group === 'kubernetes.io' || /\.(k8s|kubernetes)\.io$/.test(group)
  const given = annotations[approval]
  const field = `metadata.annotations[${approval}]`
  const link = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (!reserved) return []
  if (given === undefined || given === '')
    return [required(field, `protected groups must have approval annotation "${approval}", ${link}`)]
  const fine = textOf(given).startsWith('unapproved') || URL.canParse(textOf(given))
  const words = `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${link}`
  return fine ? [] : [invalidValue(field, given, words)]
}

function namesErrors(names: Json): FieldError[] {
  const label = (field: string, required_: boolean): FieldError[] => {
    const given = textOf(names[field])
    const path = `spec.names.${field}`
    if (given === '') return required_ ? [required(path)] : []
    return dnsLabelErrors(given.toLowerCase()).map((words) => invalidValue(path, given, words))
  }
  const shortNames: unknown[] = Array.isArray(names['shortNames']) ? names['shortNames'] : []
  const same = names['kind'] !== undefined && names['kind'] === names['listKind']
  return [
    ...label('plural', true),
    ...label('singular', false),
    ...label('kind', true),
    ...label('listKind', false),
    ...shortNames.flatMap((one, i) =>
      dnsLabelErrors(textOf(one)).map((words) => invalidValue(`spec.names.shortNames[${i}]`, one, words)),
    ),
    ...(same ? [invalidValue('spec.names.listKind', names['listKind'], 'kind and listKind may not be the same')] : []),
  ]
}

/** How Go shows the versions: those parts that all versions have in common are taken out of them. */
const goVersion = (version: Json): Json => ({
  Name: version['name'],
  Served: version['served'] === true,
  Storage: version['storage'] === true,
  Deprecated: version['deprecated'] === true,
  DeprecationWarning: version['deprecationWarning'] ?? null,
  Schema: null,
  Subresources: null,
  AdditionalPrinterColumns: null,
  SelectableFields: null,
})

function versionsErrors(definition: Json): FieldError[] {
  const versions = listOf(mapOf(definition['spec'])['versions'])
  const stored = versions.filter((version) => version['storage'] === true)
  const list = versions.map(goVersion)
  const before: unknown[] = mapOf(definition['status'])['storedVersions'] ?? []
  return [
    ...versions.flatMap((version, i) => versionErrors(version, i, versions)),
    ...(stored.length === 1
      ? []
      : [invalidValue('spec.versions', list, 'must have exactly one version marked as storage version')]),
    ...(before.length > 0 || stored.length > 0
      ? []
      : [invalidValue('status.storedVersions', null, 'must have at least one stored version')]),
    ...before
      .filter((name) => !versions.some((version) => version['name'] === name))
      .map((name, i) =>
        invalidValue(
          `status.storedVersions[${i}]`,
          name,
          'missing from spec.versions; must remain in spec.versions until the status of the storage version migration is complete',
        ),
      ),
  ]
}

function versionErrors(version: Json, index: number, versions: readonly Json[]): FieldError[] {
  const at = `spec.versions[${index}]`
  const schema = mapOf(version['schema'])['openAPIV3Schema']
  const name = textOf(version['name'])
  const scale = mapOf(version['subresources'])['scale']
  // What only one version has stands at the spec itself.
  const alone = versions.length === 1
  const twice = versions.findIndex((one) => one['name'] === name) < index
  return [
    ...dnsLabelErrors(name).map((words) => invalidValue(`${at}.name`, name, words)),
    ...(twice ? [duplicate(`${at}.name`, name)] : []),
    ...(isMap(schema)
      ? structuralErrors(schema, `${alone ? 'spec.validation' : `${at}.schema`}.openAPIV3Schema`)
      : [required(`${at}.schema.openAPIV3Schema`)]),
    ...(isMap(scale) ? scaleErrors(scale, `${alone ? 'spec' : at}.subresources.scale`) : []),
  ]
}

function scaleErrors(scale: Json, path: string): FieldError[] {
  const one = (field: string, under: readonly string[]): FieldError[] => {
    const given = textOf(scale[field])
    const at = `${path}.${field}`
    if (given === '') return [required(at)]
    if (!/^\.[^[\]]+$/.test(given)) return [invalidValue(at, given, 'must be a simple json path starting with .')]
    if (under.some((start) => given.startsWith(start))) return []
    const list = under.length === 1 ? under[0] : `either ${under.join(' or ')}`
    return [invalidValue(at, given, `should be a json path under ${list}`)]
  }
  return [
    ...one('specReplicasPath', ['.spec.']),
    ...one('statusReplicasPath', ['.status.']),
    ...(scale['labelSelectorPath'] === undefined ? [] : one('labelSelectorPath', ['.spec.', '.status.'])),
  ]
}

/** What cannot change any more once objects may have been made. */
function changeErrors(spec: Json, old: Json): FieldError[] {
  if (!hasCondition(old, 'Established')) return []
  const before = mapOf(old['spec'])
  const pairs: Array<[string, unknown, unknown]> = [
    ['spec.scope', spec['scope'], before['scope']],
    ['spec.names.kind', mapOf(spec['names'])['kind'], mapOf(before['names'])['kind']],
    ['spec.group', spec['group'], before['group']],
    ['spec.names.plural', mapOf(spec['names'])['plural'], mapOf(before['names'])['plural']],
  ]
  return pairs
    .filter(([, now, then]) => now !== then)
    .map(([field, now]) => invalidValue(field, now, 'field is immutable'))
}
