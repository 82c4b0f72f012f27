import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { serviceSuite } from './service-suite.ts'

serviceSuite({
  name: 'nftables',
  start: async (view, family, namespace) => {
    const proxy = nftablesProxy({ view, family, clusterUid: 'c5a8c6e0-0000-4000-8000-000000000001', namespace })
    await proxy.start()
    return proxy.reconciler
  },
})
