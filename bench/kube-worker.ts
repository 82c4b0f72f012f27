import { ApiClient } from '../src/kube/client.ts'
import { loadKubeconfig } from '../src/kube/kubeconfig.ts'
import { Reflector } from '../src/kube/reflector.ts'
import { ObjectStore } from '../src/kube/store.ts'
import type { EndpointSlice } from '../src/model/endpoints.ts'
import { bySlicesService, decodeSlice, slicesServiceOf } from '../src/proxy/view.ts'

export interface Listed {
  slices: number
  endpoints: number
  seconds: number
  residentMB: number
}

/** Lists and indexes all slices as an agent does, in a process that does nothing else. */
export async function kubeWorker(kubeconfig: string): Promise<void> {
  const client = new ApiClient(await loadKubeconfig(kubeconfig))
  const store = new ObjectStore<EndpointSlice>({ indexes: { [bySlicesService]: slicesServiceOf } })
  const stop = new AbortController()
  const begun = performance.now()
  const path = '/apis/discovery.k8s.io/v1/endpointslices'
  const running = new Reflector({ client, path, decode: decodeSlice, store }).run(stop.signal)
  await new Promise<void>((resolve) => store.onChange(() => resolve()))
  const seconds = (performance.now() - begun) / 1000
  const residentMB = process.memoryUsage.rss() / 1e6
  let endpoints = 0
  for (const slice of store.values()) endpoints += slice.endpoints.length
  process.send?.({ slices: store.size, endpoints, seconds, residentMB } satisfies Listed)
  stop.abort()
  await running
  client.close()
  process.disconnect()
}
