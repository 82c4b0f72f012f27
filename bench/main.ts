import { parseArgs } from 'node:util'
import { benchProxy } from './proxy.ts'
import { proxyWorker } from './proxy-worker.ts'

const usage = `Examples:
  npm run bench -- proxy
  npm run bench -- proxy --services 10000 --endpoints 2 --changes 500 -o json
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    services: { type: 'string', default: '100,1000,10000' },
    endpoints: { type: 'string', default: '2' },
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

const endpoints = whole('endpoints', values.endpoints)
if (positionals[0] === 'proxy') {
  await benchProxy({
    sizes: values.services.split(',').map((size) => whole('services', size)),
    endpoints,
    changes: whole('changes', values.changes),
    json: values.output === 'json',
  })
} else if (positionals[0] === 'proxy-worker') {
  await proxyWorker(whole('services', values.services), endpoints)
} else {
  process.stderr.write(usage)
  process.exitCode = 2
}
