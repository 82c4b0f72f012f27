/** A kubeconfig with everything in it: no file but this one is needed. `ca`: PEM. */
export function kubeconfigText(server: string, ca: string, token: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: weft
  cluster:
    server: ${server}
    certificate-authority-data: ${Buffer.from(ca).toString('base64')}
users:
- name: admin
  user:
    token: ${token}
contexts:
- name: weft
  context:
    cluster: weft
    user: admin
current-context: weft
`
}
