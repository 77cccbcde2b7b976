-- SPDX-License-Identifier: Apache-2.0
-- lane: read
-- args: identity
-- cols: id label
select w.rail as id, w.label || case when w.chosen then ' *' else '' end as label from billing.wallets($1::bigint) w
