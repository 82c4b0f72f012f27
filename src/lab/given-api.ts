import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { ApiClient, isNotFound } from '../kube/client.ts'
import { resourcePath } from '../kube/paths.ts'
import type { Service } from '../kube/types.ts'
import { WeftError } from '../model/error.ts'
import { cidrContains, parseAddress, parseCIDR } from '../model/ip.ts'
import type { GivenApi } from './files.ts'
import { givenConnection } from './supervisor/given-kubeconfig.ts'
import type { TopologyPlan } from './topology/plan.ts'

const timeoutSeconds = 10

/**
 * Checks, before anything is made, that an API server can be used by a lab: it answers, and its Services have addresses in the lab's service range.
 *
 * @throws WeftError KUBECONFIG_…, LAB_KUBECONFIG_PLUGIN, LAB_SERVICE_CIDR_MISMATCH; what the API or the network says
 */
export async function checkGivenApi(file: string, plan: TopologyPlan): Promise<GivenApi> {
  const kubeconfig = resolve(file)
  const client = new ApiClient(await givenConnection(kubeconfig))
  try {
    await checkServiceRange(client, plan)
  } finally {
    client.close()
  }
  return { kubeconfig, registration: `${plan.lab}.${randomBytes(4).toString('hex')}` }
}

/** default/kubernetes has the first address of the service range, in every cluster. */
async function checkServiceRange(client: ApiClient, { serviceCIDRs }: TopologyPlan): Promise<void> {
  const clusterIP = await kubernetesIP(client)
  const address = parseAddress(clusterIP)
  if (address === undefined) return
  if (serviceCIDRs.some((text) => isIn(text, address))) return
  throw new WeftError(
    `the cluster's Services are not in ${serviceCIDRs.join(',')}: default/kubernetes has ${clusterIP}`,
    {
      code: 'LAB_SERVICE_CIDR_MISMATCH',
      fault: 'user',
      where: '--service-cidr',
      remedy: 'give --service-cidr as that cluster has it, with --dual-stack or --ipv6 where it is an IPv6 range',
    },
  )
}

async function kubernetesIP(client: ApiClient): Promise<string> {
  const path = resourcePath({ version: 'v1', resource: 'services', namespace: 'default', name: 'kubernetes' })
  try {
    return (await client.get<Service>(path, {}, { timeoutSeconds })).spec.clusterIP ?? ''
  } catch (error) {
    if (isNotFound(error)) return ''
    throw error
  }
}

function isIn(text: string, address: NonNullable<ReturnType<typeof parseAddress>>): boolean {
  const cidr = parseCIDR(text)
  return cidr !== undefined && cidrContains(cidr, address)
}
