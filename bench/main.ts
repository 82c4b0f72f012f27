import { parseArgs } from 'node:util'
import { benchApi } from './api.ts'
import { apiWorker } from './api-worker.ts'
import { benchKube } from './kube.ts'
import { kubeWorker } from './kube-worker.ts'
import { benchProxy } from './proxy.ts'
import { proxyWorker } from './proxy-worker.ts'

const usage = `Examples:
  npm run bench -- proxy
  npm run bench -- proxy --services 10000 --endpoints 2 --changes 500 -o json
  npm run bench -- api
  npm run bench -- api --services 10000 --clients 32 --changes 1000 -o json
  npm run bench -- kube
  npm run bench -- kube --slices 5000 --endpoints 4 -o json
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    services: { type: 'string' },
    slices: { type: 'string', default: '5000' },
    endpoints: { type: 'string' },
    clients: { type: 'string', default: '32' },
    changes: { type: 'string', default: '500' },
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
if (positionals[0] === 'proxy') {
  await benchProxy({
    sizes: (values.services ?? '100,1000,10000').split(',').map((size) => whole('services', size)),
    endpoints,
    changes: whole('changes', values.changes),
    json: values.output === 'json',
  })
} else if (positionals[0] === 'proxy-worker') {
  await proxyWorker(whole('services', values.services ?? ''), endpoints)
} else if (positionals[0] === 'api') {
  await benchApi({
    services: whole('services', values.services ?? '10000'),
    clients: whole('clients', values.clients),
    changes: whole('changes', values.changes),
    json: values.output === 'json',
  })
} else if (positionals[0] === 'api-worker') {
  await apiWorker(positionals[1] ?? '')
} else if (positionals[0] === 'kube') {
  await benchKube({
    slices: whole('slices', values.slices),
    endpoints: whole('endpoints', values.endpoints ?? '4'),
    json: values.output === 'json',
  })
} else if (positionals[0] === 'kube-worker') {
  await kubeWorker(positionals[1] ?? '')
} else {
  process.stderr.write(usage)
  process.exitCode = 2
}
