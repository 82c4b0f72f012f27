import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { cachedContainers, cachedResult, cniAdd, cniCheck, cniDel } from './cni.ts'
import type { Conflist } from './cni-conflist.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-cni-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** A plugin that notes what it was given (a JSON line each) and answers. */
function fakePlugin(name: string, answer: string, exitCode = 0): void {
  const script = `#!/bin/sh
printf '{"plugin":"${name}","command":"%s","ifname":"%s","netns":"%s","id":"%s","input":%s}\\n' \\
  "$CNI_COMMAND" "$CNI_IFNAME" "$CNI_NETNS" "$CNI_CONTAINERID" "$(cat)" >> ${directory}/calls
printf '%s' '${answer}'
exit ${exitCode}
`
  writeFileSync(join(directory, name), script)
  chmodSync(join(directory, name), 0o755)
}

function takeCalls(): Record<string, any>[] {
  const lines = readFileSync(join(directory, 'calls'), 'utf8').trim().split('\n')
  rmSync(join(directory, 'calls'))
  return lines.map((line) => JSON.parse(line) as Record<string, any>)
}

beforeEach(() => rmSync(join(directory, 'calls'), { force: true }))

const network = (...types: string[]): Conflist => ({
  cniVersion: '0.4.0',
  name: 'n',
  plugins: types.map((type) => ({ type, own: type })),
})
const attachment = { containerId: 'c1', netns: '/run/netns/x', ifname: 'eth0' }
const options = { path: [join(directory, 'none'), directory], cacheDir: join(directory, 'cache') }

describe('cni', () => {
  it('chains ADD, keeps the result, and gives it to DEL in reverse order', async () => {
    fakePlugin('first', '{"ips":[{"address":"10.0.0.2/24"}]}')
    fakePlugin('second', '{"ips":[{"address":"10.0.0.2/24"}],"dns":{}}')
    const chain = network('first', 'second')

    const result = await cniAdd(chain, attachment, options)
    expect(result).toEqual({ ips: [{ address: '10.0.0.2/24' }], dns: {} })
    expect(await cachedResult(chain, attachment, options)).toEqual(result)
    const [first, second] = takeCalls()
    expect(first).toEqual({
      plugin: 'first',
      command: 'ADD',
      ifname: 'eth0',
      netns: '/run/netns/x',
      id: 'c1',
      input: { type: 'first', own: 'first', cniVersion: '0.4.0', name: 'n' },
    })
    expect(second?.['input'].prevResult).toEqual({ ips: [{ address: '10.0.0.2/24' }] })

    await cniDel(chain, attachment, options)
    const calls = takeCalls()
    expect(calls.map((call) => [call['plugin'], call['command']])).toEqual([
      ['second', 'DEL'],
      ['first', 'DEL'],
    ])
    expect(calls.every((call) => call['input'].prevResult.dns !== undefined)).toBe(true)
    expect(await cachedResult(chain, attachment, options)).toBeUndefined()
  })

  it('checks in order with the result of ADD and the network as it was then', async () => {
    fakePlugin('first', '{"ips":[{"address":"10.0.0.2/24"}]}')
    fakePlugin('second', '{"ips":[{"address":"10.0.0.3/24"}]}')
    const chain = network('first', 'second')
    await cniAdd(chain, attachment, options)
    takeCalls()
    expect(await cachedContainers('n', 'eth0', options.cacheDir)).toEqual(['c1'])

    const changed = { ...chain, plugins: [{ type: 'first', own: 'changed' }] }
    expect(await cniCheck(changed, attachment, options)).toEqual({ ips: [{ address: '10.0.0.3/24' }] })
    const calls = takeCalls()
    expect(calls.map((call) => [call['command'], call['input'].own])).toEqual([
      ['CHECK', 'first'],
      ['CHECK', 'second'],
    ])
    expect(calls.every((call) => call['input'].prevResult.ips[0].address === '10.0.0.3/24')).toBe(true)

    fakePlugin('second', '{"code":100,"msg":"no link"}', 1)
    await expect(cniCheck(chain, attachment, options)).rejects.toThrow('CNI plugin "second" failed at CHECK: no link')
    fakePlugin('second', '')
    await cniDel(chain, attachment, options)
    await expect(cniCheck(chain, attachment, options)).rejects.toThrow('no ADD to the network "n" is remembered')
  })

  it('gives plugins that can do it what the attachment asks for, and the same again at CHECK and DEL', async () => {
    fakePlugin('first', '{"ips":[]}')
    fakePlugin('able', '{"ips":[]}')
    const able = { type: 'able', capabilities: { portMappings: true, bandwidth: false } }
    const chain: Conflist = { ...network('first'), plugins: [{ type: 'first' }, able] }
    const capabilityArgs = { portMappings: [{ hostPort: 80 }], bandwidth: {}, unheard: 1 }
    await cniAdd(chain, { ...attachment, capabilityArgs }, options)
    await cniCheck(chain, attachment, options)
    await cniDel(chain, attachment, options)
    const calls = takeCalls().map(({ plugin, command, input }) => [plugin, command, input.runtimeConfig])
    const mapped = { portMappings: [{ hostPort: 80 }] }
    expect(calls).toEqual([
      ['first', 'ADD', undefined],
      ['able', 'ADD', mapped],
      ['first', 'CHECK', undefined],
      ['able', 'CHECK', mapped],
      ['able', 'DEL', mapped],
      ['first', 'DEL', undefined],
    ])
  })

  it('remembers for DEL what was asked for, also where ADD did not end', async () => {
    fakePlugin('first', '{"ips":[]}')
    fakePlugin('able', '{"code":100,"msg":"no"}', 1)
    const chain = { ...network('first', 'able') }
    chain.plugins = chain.plugins.map((plugin) => ({ ...plugin, capabilities: { portMappings: true } }))
    const asking = { ...attachment, capabilityArgs: { portMappings: [1] } }
    await expect(cniAdd(chain, asking, options)).rejects.toThrow('"able" failed at ADD')
    takeCalls()
    expect(await cachedResult(chain, attachment, options)).toBeUndefined()
    await expect(cniCheck(chain, attachment, options)).rejects.toThrow('no ADD to the network')
    fakePlugin('able', '')
    await cniDel(chain, attachment, options)
    expect(takeCalls().map(({ plugin, command, input }) => [plugin, command, input.runtimeConfig])).toEqual([
      ['able', 'DEL', { portMappings: [1] }],
      ['first', 'DEL', { portMappings: [1] }],
    ])
  })

  it('does not ask portmap, which denies what is there', async () => {
    fakePlugin('first', '{"ips":[]}')
    fakePlugin('portmap', '{"ips":[]}')
    const chain = network('first', 'portmap')
    await cniAdd(chain, attachment, options)
    await cniCheck(chain, attachment, options)
    await cniDel(chain, attachment, options)
    const checked = takeCalls().filter(({ command }) => command === 'CHECK')
    expect(checked.map(({ plugin }) => plugin)).toEqual(['first'])
  })

  it('asks nothing of a network that cannot be checked', async () => {
    fakePlugin('first', '{"ips":[]}')
    const old = { ...network('first'), cniVersion: '0.3.1' }
    await cniAdd(old, attachment, options)
    takeCalls()
    expect(await cniCheck(old, attachment, options)).toEqual({ ips: [] })
    await cniDel(old, attachment, options)
    expect(takeCalls().map((call) => call['command'])).toEqual(['DEL'])
  })

  it("passes on a plugin's error in its own words", async () => {
    fakePlugin('bad', '{"code":11,"msg":"no room","details":"all taken"}', 1)
    const call = cniAdd(network('bad'), attachment, options)
    await expect(call).rejects.toThrow('CNI plugin "bad" failed at ADD: no room: all taken')
  })

  it('says what to install where iptables is missing', async () => {
    const words = 'failed to open iptables: exec: \\"iptables\\": executable file not found in $PATH'
    fakePlugin('portmap', `{"code":999,"msg":"${words}"}`, 1)
    await expect(cniAdd(network('portmap'), attachment, options)).rejects.toMatchObject({
      message: expect.stringContaining('not found in $PATH (host ports need it: apt-get install iptables)'),
      remedy: 'apt-get install iptables',
    })
  })

  it('says which plugin is missing, and where it looked', async () => {
    await expect(cniAdd(network('absent'), attachment, options)).rejects.toThrow(/"absent" .* is in none of .*none/)
  })

  it('refuses an answer that is not JSON', async () => {
    fakePlugin('garbled', 'hello')
    await expect(cniAdd(network('garbled'), attachment, options)).rejects.toThrow('its answer is not JSON: hello')
  })
})
