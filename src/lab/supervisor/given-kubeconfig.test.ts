import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { givenConnection, kubeconfigOf, nodeConnection, serverOf } from './given-kubeconfig.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-given-'))
afterAll(() => rmSync(directory, { recursive: true }))

function kubeconfig(cluster: string, user = 'token: secret'): string {
  const file = join(directory, 'config')
  const text = `apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
`
  writeFileSync(file, text)
  return file
}

describe('a given kubeconfig, for nodes', () => {
  it.each([
    ['https://10.9.9.9:6443', '10.9.9.9'],
    ['https://[fd00::9]:6443', 'fd00::9'],
    ['https://api.example.com', 'api.example.com'],
  ])('of %s leads to the forwarder, and verifies %s', async (server, name) => {
    const connection = await givenConnection(kubeconfig(`server: "${server}"`))
    const { clusters, users } = parse(kubeconfigOf(nodeConnection(connection, 'https://[fd00:30::2]:6443')))
    expect(clusters[0].cluster).toEqual({ server: 'https://[fd00:30::2]:6443', 'tls-server-name': name })
    expect(users[0].user).toEqual({ token: 'secret' })
  })

  it('keeps the path, the name and what is not verified', async () => {
    const fields = 'server: "https://rancher:8443/k8s/c-1", tls-server-name: other, insecure-skip-tls-verify: true'
    const connection = await givenConnection(kubeconfig(fields))
    const { clusters } = parse(kubeconfigOf(nodeConnection(connection, 'https://172.30.0.2:6443')))
    expect(clusters[0].cluster).toEqual({
      server: 'https://172.30.0.2:6443/k8s/c-1',
      'tls-server-name': 'other',
      'insecure-skip-tls-verify': true,
    })
    expect(serverOf(connection)).toEqual({ host: 'rancher', port: 8443 })
  })

  it('holds what stood in files', async () => {
    writeFileSync(join(directory, 'token'), 'from a file\n')
    const connection = await givenConnection(kubeconfig('server: "https://a:1"', 'tokenFile: token'))
    expect(parse(kubeconfigOf(connection)).users[0].user).toEqual({ token: 'from a file' })
  })

  it('refuses a credential plugin', async () => {
    const plugin = 'exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}'
    await expect(givenConnection(kubeconfig('server: "https://a:1"', plugin))).rejects.toMatchObject({
      code: 'LAB_KUBECONFIG_PLUGIN',
      remedy: expect.stringContaining('kubectl create token'),
    })
  })

  it('finds the port that a URL means', () => {
    expect(serverOf({ server: 'https://a' })).toEqual({ host: 'a', port: 443 })
    expect(serverOf({ server: 'http://[::1]' })).toEqual({ host: '::1', port: 80 })
  })
})
