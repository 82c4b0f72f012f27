import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readConflist, writeConflist } from './cni-config.ts'
import { nodeConflist } from './cni-conflist.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-net.d-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('takes the first list of plugins by name, and says when there is none', () => {
  const none = join(directory, 'none')
  expect(() => readConflist(none)).toThrow('cni plugin not initialized')

  writeConflist(nodeConflist(['10.42.0.0/24', 'fd00:42::/64']), directory)
  expect(readConflist(directory).plugins[0]?.['ipam']).toMatchObject({
    ranges: [[{ subnet: '10.42.0.0/24' }], [{ subnet: 'fd00:42::/64' }]],
  })

  writeFileSync(join(directory, '00-broken.conflist'), '{')
  writeFileSync(join(directory, '01-other.conf'), '{"name":"old","type":"bridge"}')
  expect(readConflist(directory).name).toBe('weft')
  writeFileSync(
    join(directory, '05-flannel.conflist'),
    '{"cniVersion":"1.0.0","name":"cbr0","plugins":[{"type":"flannel"}]}',
  )
  expect(readConflist(directory).name).toBe('cbr0')
})
