#!/bin/bash
# `sbom.sh "howdah VERSION" PACKAGE...`: SPDX 2.3 as JSON; the packages are Debian's, installed here.
set -euo pipefail
version=${1#* }
shift
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
. /etc/os-release

package() { # NAME VERSION LICENSE PURL
	cat <<J
    {"SPDXID": "SPDXRef-$(tr -c 'A-Za-z0-9.\n' '-' <<<"$1")", "name": "$1", "versionInfo": "$2",
     "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "NOASSERTION",
     "licenseDeclared": "$3", "copyrightText": "NOASSERTION",
     "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "$4"}]}
J
}

relation() { # FROM KIND TO
	echo "    {\"spdxElementId\": \"$1\", \"relationshipType\": \"$2\", \"relatedSpdxElement\": \"$3\"}"
}

content=$(dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' "$@")
cat <<J
{
  "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "howdah-$version",
  "documentNamespace": "urn:howdah:sbom:$version:$(sha256sum <<<"$content" | cut -c1-32)",
  "creationInfo": {"created": "$created", "creators": ["Tool: howdah-sbom"]},
  "packages": [
J
package howdah "$version" Apache-2.0 "pkg:generic/howdah@$version"
while read -r name full arch; do
	echo ","
	package "$name" "$full" NOASSERTION "pkg:deb/debian/$name@${full//+/%2B}?arch=$arch&distro=$VERSION_CODENAME"
done <<<"$content"
echo '  ],
  "relationships": ['
relation SPDXRef-DOCUMENT DESCRIBES SPDXRef-howdah
while read -r name _; do
	echo ","
	relation SPDXRef-howdah CONTAINS "SPDXRef-$(tr -c 'A-Za-z0-9.\n' '-' <<<"$name")"
done <<<"$content"
echo '  ]
}'
