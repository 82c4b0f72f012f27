import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'

/** What one request asks for, as RBAC sees it. */
export interface Access {
  verb: string
  group: string
  /** With its subresource: `pods/log`. A path that is none of a resource's stands here itself. */
  resource: string
  namespace: string
  name: string
}

interface Rule {
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
  verbs: string[]
}

interface Manifest {
  kind: string
  metadata: { name: string; namespace?: string }
  rules?: Rule[]
  roleRef?: { kind: string; name: string }
}

/** Kubernetes' verbs of requests that change something (Request Verbs in its documentation of authorization). */
const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/** Everybody may ask these (system:public-info-viewer in Kubernetes' own roles). */
const publicPaths = ['/healthz', '/livez', '/readyz', '/version']

/** @param url path and query */
export function accessOf(method: string, url: string): Access {
  const { pathname, searchParams } = new URL(url, 'http://api')
  const found = /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+\/(?<rest>.+)$/.exec(pathname)?.groups
  if (found === undefined) return { verb: method, group: '', resource: pathname, namespace: '', name: '' }
  const parts = (found['rest'] ?? '').split('/').map(decodeURIComponent)
  // A namespace's own path begins like those of all that is in it.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? (parts.splice(0, 2)[1] ?? '') : ''
  const [resource = '', name = '', subresource] = parts
  const reading = searchParams.get('watch') === 'true' ? 'watch' : name === '' ? 'list' : 'get'
  return {
    verb: verbs[method] ?? reading,
    group: found['group'] ?? '',
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
  }
}

/** What the roles of a manifest grant to whom they are bound; a role that nobody is bound to grants nothing. */
export class Grants {
  readonly #rules: readonly (Rule & { namespace: string | undefined })[]
  readonly #used = new Set<string>()

  constructor(file: string) {
    const objects = parseAllDocuments(readFileSync(file, 'utf8')).map((one) => one.toJS() as Manifest)
    const isBound = ({ kind, metadata }: Manifest): boolean =>
      objects.some(
        (one) =>
          one.roleRef?.kind === kind &&
          one.roleRef.name === metadata.name &&
          one.metadata.namespace === metadata.namespace,
      )
    this.#rules = objects
      .filter(isBound)
      .flatMap(({ rules = [], metadata }) => rules.map((rule) => ({ ...rule, namespace: metadata.namespace })))
  }

  allow({ verb, group, resource, namespace, name }: Access): boolean {
    if (verb === 'GET' && publicPaths.includes(resource)) return true
    const rule = this.#rules.find(
      (one) =>
        (one.namespace ?? namespace) === namespace &&
        one.apiGroups.includes(group) &&
        one.resources.includes(resource) &&
        one.verbs.includes(verb) &&
        (one.resourceNames?.includes(name) ?? true),
    )
    if (rule === undefined) return false
    this.#used.add(`${verb} ${resource}`)
    return true
  }

  /** What is granted and was never asked for, e.g. `patch nodes`. */
  get unused(): string[] {
    const all = this.#rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    )
    return all.filter((one) => !this.#used.has(one))
  }
}
