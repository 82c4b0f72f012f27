import type { ApiClient } from '../../../kube/client.ts'
import { resourcePath } from '../../../kube/paths.ts'
import type { Asker, Reviews } from './auth.ts'

interface TokenReview {
  status?: { authenticated?: boolean; user?: { username?: string; groups?: string[] } }
}

/** Reviews by the API that the node belongs to. They throw what the client throws. */
export const reviewsBy = (client: ApiClient, nodeName: string): Reviews => ({
  async userOf(token) {
    const path = resourcePath({ group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews' })
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
    const { status } = await client.create<TokenReview>(path, review)
    if (status?.authenticated !== true) return undefined
    return { name: status.user?.username ?? '', groups: status.user?.groups ?? [] }
  },
  async mayAccess({ name, groups }: Asker, verb, subresource) {
    const path = resourcePath({ group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews' })
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName }
    const spec = { user: name, groups, resourceAttributes }
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec }
    const { status } = await client.create<{ status?: { allowed?: boolean } }>(path, review)
    return status?.allowed === true
  },
})
