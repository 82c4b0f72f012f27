import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configuredSshdPorts } from './sshd-config.ts'

describe('ports of sshd by its configuration', () => {
  let root = ''
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'weft-sshd-'))
  })
  afterAll(() => rmSync(root, { recursive: true }))
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }

  it('are none where there is none', () => {
    expect(configuredSshdPorts(root)).toEqual([])
  })

  it('are those of its files, and of the socket that systemd holds for it', () => {
    write('etc/ssh/sshd_config', '#Port 22\nPort 2200\n  port 2201\nListenAddress 192.0.2.1:2202\nListenAddress ::\n')
    write('etc/ssh/sshd_config.d/10-site.conf', 'ListenAddress [2001:db8::1]:2203\nPort 99999\n')
    write(
      'etc/ssh/sshd_config.d/20-odd.conf',
      'Port=2210\nPort "2211" # behind the firewall\nListenAddress = 192.0.2.1:2212 rdomain mgmt\nPort 2213\r\n',
    )
    write('etc/ssh/sshd_config.d/README', 'Port 1\n')
    write('etc/systemd/system/ssh.socket.d/override.conf', '[Socket]\nListenStream=\nListenStream=2204\n')
    write('run/systemd/generator/ssh.socket.d/addresses.conf', 'ListenStream=0.0.0.0:2205\nListenStream=[::]:2206\n')
    expect(configuredSshdPorts(root)).toEqual([2200, 2201, 2202, 2203, 2204, 2205, 2206, 2210, 2211, 2212, 2213])
  })
})
