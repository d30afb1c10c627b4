# Installs a Co-Link node on Windows, from the gateway that sent this script, and joins it.
#
#   irm GATEWAY/install.ps1 | iex
#   & ([scriptblock]::Create((irm GATEWAY/install.ps1))) CODE -DryRun
#
# CODE is the one-time code that the console shows; without it, one is shown here and approved in the
# browser. To run this again updates the program. It never touches a configuration.
param(
  [string] $Code = $env:COLINK_JOIN_CODE,
  [string] $Dir = '',
  [switch] $NoJoin,
  [switch] $RequireSignature,
  [switch] $DryRun,
  [switch] $Uninstall
)

# A function, so that nothing of it stays in the session of the person who pasted it.
function Install-CoLink {
  param($Code, $Dir, $NoJoin, $RequireSignature, $DryRun, $Uninstall)
  $ErrorActionPreference = 'Stop'
  # The bar of Windows PowerShell slows a download down by a factor of ten.
  $ProgressPreference = 'SilentlyContinue'
  Set-StrictMode -Version 2.0

  $gateway = '@GATEWAY@'
  # Ed25519 keys that releases are signed with, as OpenSSH writes them.
  $sshKeys = '@SSH_KEYS@'

  function Get-Target {
    # A 32-bit PowerShell on a 64-bit system names the system's processor in the second variable.
    $cpu = $env:PROCESSOR_ARCHITEW6432
    if (-not $cpu) { $cpu = $env:PROCESSOR_ARCHITECTURE }
    switch ($cpu) {
      'AMD64' { return 'windows-x64' }
      'ARM64' { return 'windows-arm64' }
    }
    throw "Cannot install on a $cpu processor: there are programs for x86-64 and ARM of 64 bits"
  }

  function Get-ReleaseFile($name, $folder) {
    $path = Join-Path $folder $name
    try {
      Invoke-WebRequest -UseBasicParsing -Uri "$gateway/download/$name" -OutFile $path
    } catch {
      throw "Cannot download $gateway/download/${name}: $($_.Exception.Message). See that the gateway can be reached, that it offers this file (its operator makes the programs with npx bun@1.4.5 run release: docs/deployment.md, Releases), and that there is room on the disk; then run this again"
    }
    return $path
  }

  function Test-Sum($path, $sums) {
    $name = Split-Path -Leaf $path
    $line = $sums | Where-Object { $_ -match "^[0-9a-f]{64} [ *]$([regex]::Escape($name))$" }
    if (-not $line) { throw "Cannot verify ${name}: SHA256SUMS does not list it. Nothing was installed" }
    $found = (Get-FileHash -Algorithm SHA256 -LiteralPath $path).Hash.ToLowerInvariant()
    if (@($line)[0].Substring(0, 64) -ne $found) {
      throw "Cannot verify ${name}: its checksum is wrong; it was changed or arrived incomplete. Nothing was installed; run this again"
    }
  }

  function Test-Signature($folder) {
    $keygen = Get-Command ssh-keygen.exe -ErrorAction SilentlyContinue
    $why = ''
    if (-not $sshKeys) { $why = 'this gateway was built without a release key' }
    elseif (-not $keygen) { $why = 'this machine has no ssh-keygen (an optional feature of Windows: OpenSSH Client)' }
    if ($why) {
      if ($RequireSignature) { throw "Cannot check the signature: $why. Nothing was installed" }
      Write-Warning "the signature is not checked, for $why; the checksums are."
      return
    }
    $null = Get-ReleaseFile 'SHA256SUMS.sshsig' $folder
    $signers = $sshKeys.Split(' ') | ForEach-Object { "release ssh-ed25519 $_" }
    [IO.File]::WriteAllLines((Join-Path $folder 'signers'), [string[]] $signers)
    # PowerShell would change the line ends of what it pipes; cmd hands the file over as it is.
    Push-Location -LiteralPath $folder
    try {
      $command = "`"$($keygen.Source)`" -Y verify -f signers -I release -n co-link-release -s SHA256SUMS.sshsig < SHA256SUMS > NUL 2>&1"
      & $env:ComSpec /d /s /c "`"$command`""
      $isValid = $LASTEXITCODE -eq 0
    } finally {
      Pop-Location
    }
    if (-not $isValid) {
      throw "Cannot verify the release: its signature does not fit the gateway's release key. The files were changed, or are of another build than the gateway. Nothing was installed; tell the gateway's operator"
    }
  }

  # A program that runs cannot be overwritten, but it can be moved aside.
  function Move-IntoPlace($fresh, $program) {
    $old = "$program.old"
    if (Test-Path -LiteralPath $old) { Remove-Item -LiteralPath $old -Force -ErrorAction SilentlyContinue }
    if (Test-Path -LiteralPath $program) { Move-Item -LiteralPath $program -Destination $old -Force }
    Move-Item -LiteralPath $fresh -Destination $program
    if (Test-Path -LiteralPath $old) { Remove-Item -LiteralPath $old -Force -ErrorAction SilentlyContinue }
  }

  function Add-ToPath($folder) {
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    if (-not $path) { $path = '' }
    if ($path.Split(';') -contains $folder) { return }
    [Environment]::SetEnvironmentVariable('Path', "$path;$folder".Trim(';'), 'User')
    $env:Path = "$env:Path;$folder"
    Write-Host "Added $folder to your PATH"
  }

  function Install-Program($target, $program, $folder) {
    $work = Join-Path $folder ('.colink-install-' + [Guid]::NewGuid().ToString('N'))
    $null = New-Item -ItemType Directory -Force -Path $work
    try {
      $latest = Get-Content -Raw -LiteralPath (Get-ReleaseFile 'latest.json' $work) | ConvertFrom-Json
      if ((Test-Path -LiteralPath $program) -and ((& $program --version) -eq $latest.version)) {
        Write-Host "Already installed: $program $($latest.version)"
        return
      }
      $sums = Get-Content -LiteralPath (Get-ReleaseFile 'SHA256SUMS' $work)
      Test-Signature $work
      Test-Sum (Join-Path $work 'latest.json') $sums
      Write-Host "Downloading colink-client $($latest.version) for $target ..."
      $archive = Get-ReleaseFile "co-link-client-$target.zip" $work
      Test-Sum $archive $sums
      Expand-Archive -LiteralPath $archive -DestinationPath $work
      $fresh = Join-Path $work "co-link-client-$target\colink-client.exe"
      $output = & $fresh --version
      if ($LASTEXITCODE -ne 0) { throw "Cannot run the program here: $output. Nothing was installed" }
      Move-IntoPlace $fresh $program
      Write-Host "Installed $program $($latest.version)"
      Add-ToPath $folder
    } finally {
      Remove-Item -Recurse -Force -LiteralPath $work -ErrorAction SilentlyContinue
    }
  }

  function Uninstall-Program($program) {
    if (-not (Test-Path -LiteralPath $program)) {
      Write-Host "Nothing to remove: there is no $program"
      return
    }
    if ($DryRun) {
      Write-Host "Would end and remove its service, if there is one, and remove $program"
      return
    }
    try { & $program service uninstall *> $null } catch { Write-Verbose 'It has no service.' }
    Remove-Item -LiteralPath $program -Force
    Write-Host "Removed $program. The configuration stays; to leave the network, revoke this node's key in the console."
  }

  if ($Code -and $Code -notmatch '^[A-Za-z0-9-]+$') {
    throw 'Cannot read the code: it has letters, digits and dashes only'
  }
  $target = Get-Target
  if (-not $Dir) { $Dir = Join-Path $env:LOCALAPPDATA 'Programs\Co-Link' }
  $program = Join-Path $Dir 'colink-client.exe'
  # Windows PowerShell 5 does not offer TLS 1.2 by itself everywhere.
  [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

  if ($Uninstall) { return Uninstall-Program $program }
  $words = @('join', $gateway)
  if ($Code) { $words += $Code }
  if ($DryRun) {
    Write-Host "Would download $gateway/download/co-link-client-$target.zip"
    Write-Host 'Would check it against SHA256SUMS, and that against its signature, with ssh-keygen'
    Write-Host "Would install $program"
    if (-not $NoJoin) { Write-Host "Would run: $program $($words -join ' ')" }
    return
  }
  if ($gateway -notmatch '^https://|^http://(127\.0\.0\.1|localhost)') {
    Write-Warning "$gateway is not encrypted: others on the way could change what is installed and read what is sent."
  }
  Install-Program $target $program $Dir
  if (-not $NoJoin) { & $program @words }
}

Install-CoLink -Code $Code -Dir $Dir -NoJoin $NoJoin -RequireSignature $RequireSignature -DryRun $DryRun -Uninstall $Uninstall
