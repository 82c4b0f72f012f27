import type { NewObject } from '../../api/types.ts'
import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isAlreadyExists, isNamespaceTerminating } from '../failure.ts'
import { isTerminating, keyOf, splitKey } from '../objects.ts'

const accountName = 'default'
const rootCAName = 'kube-root-ca.crt'
/** The text that a real cluster has there too. */
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or ' +
  'kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

/** Gives every namespace what pods in it count on: the ServiceAccount `default` and the ConfigMap with the API's certificate authority. */
export function namespaceController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: 'namespace-defaults',
    watch(add) {
      caches.namespaces.onChange(({ now }) => {
        if (now !== undefined && !isTerminating(now)) add(now.metadata.name)
      })
      for (const [cache, name] of [
        [caches.serviceaccounts, accountName],
        [caches.configmaps, rootCAName],
      ] as const)
        cache.onChange(({ now, before }) => {
          const either = now ?? before
          if (either?.metadata.name === name) add(splitKey(keyOf(either)).namespace ?? '')
        })
    },
    sync(name) {
      const namespace = caches.namespaces.get(name)
      if (namespace !== undefined && !isTerminating(namespace)) fill(context, name)
      return undefined
    },
  }
}

function fill(context: ControllerContext, namespace: string): void {
  const { store, caches, settings } = context
  if (caches.serviceaccounts.get(`${namespace}/${accountName}`) === undefined) {
    const metadata = { name: accountName, namespace }
    create(context, 'serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  }
  const data = { 'ca.crt': settings.rootCA }
  const map = caches.configmaps.get(`${namespace}/${rootCAName}`)
  if (map !== undefined && !isTerminating(map) && !same(map['data'], data))
    store.update('configmaps', { ...structuredClone(map), data })
  if (map !== undefined) return
  const metadata = { name: rootCAName, namespace, annotations: { 'kubernetes.io/description': description } }
  create(context, 'configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata, data })
}

function create({ store }: ControllerContext, resource: string, object: NewObject): void {
  try {
    store.create(resource, object)
  } catch (error) {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
  }
}
