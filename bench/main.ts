import { parseArgs } from 'node:util'
import { benchApi } from './api.ts'
import { apiWorker } from './api-worker.ts'
import { benchKube } from './kube.ts'
import { kubeWorker } from './kube-worker.ts'
import { forwardWorker } from './proxy/forward.ts'
import { benchInProcess } from './proxy/in-process.ts'
import { inProcessWorker } from './proxy/in-process-worker.ts'
import { benchReconcile } from './reconcile.ts'
import { nodeWorker, podsWorker } from './proxy/inside.ts'
import { benchProxy } from './proxy/main.ts'

const usage = `Examples:
  npm run bench -- proxy
  npm run bench -- proxy --mode nftables --services 10000 --endpoints 2 --kubeconfig FILE --peer 'COMMAND' -o json
  npm run bench -- proxy-in-process --services 100,1000,10000
  npm run bench -- reconcile --items 1000,10000,100000
  npm run bench -- api
  npm run bench -- api --services 10000 --clients 32 --changes 1000 -o json
  npm run bench -- kube
  npm run bench -- kube --slices 5000 --endpoints 4 -o json
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    services: { type: 'string' },
    items: { type: 'string' },
    slices: { type: 'string', default: '5000' },
    endpoints: { type: 'string' },
    clients: { type: 'string', default: '32' },
    changes: { type: 'string' },
    mode: { type: 'string', default: 'nftables' },
    kubeconfig: { type: 'string' },
    peer: { type: 'string' },
    output: { type: 'string', short: 'o', default: 'table' },
  },
})

function whole(flag: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) {
    process.stderr.write(`bench: --${flag} takes whole numbers, not "${text}"\n`)
    process.exit(2)
  }
  return Number(text)
}

const endpoints = whole('endpoints', values.endpoints ?? '2')
const changes = (usual: string): number => whole('changes', values.changes ?? usual)
const [command, ...rest] = positionals
if (command === 'proxy') {
  if (values.mode !== 'nftables') {
    process.stderr.write(`bench: --mode ${values.mode} is not there; this version has nftables\n`)
    process.exit(2)
  }
  const sizes = (values.services ?? '10000').split(',').map((size) => whole('services', size))
  const [size = 0] = sizes
  await benchProxy({
    // One number: the smaller ones beside it show what grows.
    sizes: sizes.length > 1 ? sizes : [...[100, 1000].filter((smaller) => smaller < size), size],
    endpoints,
    changes: changes('300'),
    kubeconfig: values.kubeconfig,
    peer: values.peer,
    json: values.output === 'json',
  })
} else if (command === 'reconcile') {
  await benchReconcile({
    sizes: (values.items ?? '1000,10000,100000').split(',').map((size) => whole('items', size)),
    changes: changes('2000'),
    json: values.output === 'json',
  })
} else if (command === 'proxy-forward') {
  await forwardWorker(rest[0] ?? '', rest[1] ?? '', Number(rest[2]))
} else if (command === 'proxy-pods') {
  await podsWorker()
} else if (command === 'proxy-node') {
  nodeWorker()
} else if (command === 'proxy-in-process') {
  await benchInProcess({
    sizes: (values.services ?? '100,1000,10000').split(',').map((size) => whole('services', size)),
    endpoints,
    changes: changes('500'),
    json: values.output === 'json',
  })
} else if (command === 'proxy-worker') {
  await inProcessWorker(whole('services', values.services ?? ''), endpoints)
} else if (command === 'api') {
  await benchApi({
    services: whole('services', values.services ?? '10000'),
    clients: whole('clients', values.clients),
    changes: changes('500'),
    json: values.output === 'json',
  })
} else if (command === 'api-worker') {
  const [dir = '', ...namespaces] = rest
  await apiWorker(dir, namespaces)
} else if (command === 'kube') {
  await benchKube({
    slices: whole('slices', values.slices),
    endpoints: whole('endpoints', values.endpoints ?? '4'),
    json: values.output === 'json',
  })
} else if (command === 'kube-worker') {
  await kubeWorker(rest[0] ?? '')
} else {
  process.stderr.write(usage)
  process.exitCode = 2
}
