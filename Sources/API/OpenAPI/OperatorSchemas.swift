extension Schemas {
    /// What `Fields.name` takes, as the inside of JSON text.
    private static let oneLine = #"^[^\\u0000-\\u001F\\u007F-\\u009F\\u202A-\\u202E\\u2066-\\u2069]*$"#

    /// What only the operator's own routes take and give.
    static let operators: [(name: String, text: String)] =
        [
            (
                "NewAccount",
                """
                {"type":"object","required":["name"],"additionalProperties":false,"properties":{
                "name":{"type":"string","minLength":1,"maxLength":64,"pattern":"\(oneLine)",
                "description":"What it is called here; there is one of each name."},
                "credits":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991,
                "description":"Granted at once."}}}
                """
            ),
            (
                "CreatedAccount",
                """
                {"type":"object","required":["account_id","name","key"],"properties":{
                "account_id":{"type":"string","format":"uuid"},"name":{"type":"string"},"key":{"type":"string"},
                "key_id":{"type":"string","format":"uuid"}}}
                """
            ),
            (
                "AdminAccount",
                """
                {"type":"object","required":["id","name","balance","held","spent","disabled","created_at","limits"],"properties":{
                "id":{"type":"string","format":"uuid"},"name":{"type":"string"},
                "created_at":{"type":"string","format":"date-time"},"disabled_at":{"type":["string","null"]},
                "balance":{"type":"integer"},"held":{"type":"integer"},
                "spent":{"type":"integer"},"disabled":{"type":"boolean"},"limits":{"type":"object"}}}
                """
            ),
            (
                "AccountChange",
                """
                {"type":"object","additionalProperties":false,"properties":{
                "requests_per_minute":{"type":["integer","null"],"minimum":1,"maximum":1000000,
                "description":"Submits, quotes and cancels; null: the configuration's figure again."},
                "concurrent_tasks":{"type":["integer","null"],"minimum":0,"maximum":1000000,
                "description":"Tasks under way at once; null: the configuration's figure again."},
                "low_balance":{"type":["integer","null"],"minimum":0,"maximum":9007199254740991,
                "description":"Below it `wallet.low` is told; null: the configuration's figure again."},
                "providers":{"type":["array","null"],"items":{"type":"string"},
                "description":"The only ones that may be used; null: all."},
                "disabled":{"type":["boolean","null"],"description":"Whether all of its keys are refused."}}}
                """
            ),
            (
                "NewKey",
                """
                {"type":"object","additionalProperties":false,"properties":{
                "scope":{"enum":["user","read","admin",null],"default":"user",
                "description":"To spend and look, only to look, or to operate the gateway."},
                "label":{"type":["string","null"],"maxLength":128,"pattern":"\(oneLine)","description":"For people."},
                "expires_in":{"type":["integer","null"],"minimum":1,"maximum":316224000,
                "description":"Seconds it is good for; for ever unless given."},
                "spend_cap":{"type":["integer","null"],"minimum":1,"maximum":9007199254740991,
                "description":"Credits it may spend in all; its successors by rotation share it."}}}
                """
            ),
            (
                "CreatedKey",
                """
                {"type":"object","required":["id","key","scope"],"properties":{"id":{"type":"string","format":"uuid"},
                "key":{"type":"string"},"scope":{"type":"string"},"label":{"type":"string"},
                "expires_at":{"type":["string","null"]},"spend_cap":{"type":["integer","null"]}}}
                """
            ),
            (
                "Rotation",
                """
                {"type":"object","additionalProperties":false,"properties":{
                "overlap_seconds":{"type":["integer","null"],"minimum":0,"maximum":604800,"default":86400,
                "description":"How long the old key works beside its successor."}}}
                """
            ),
            (
                "Grant",
                """
                {"type":"object","required":["amount","reference"],"additionalProperties":false,"properties":{
                "amount":{"type":"integer","minimum":1,"maximum":9007199254740991,"description":"Credits."},
                "reference":{"type":"string","minLength":1,"maxLength":255,
                "description":"What it is for; the same again grants nothing and answers the first grant."}}}
                """
            ),
            (
                "CreditAdjustment",
                """
                {"type":"object","required":["amount","reason"],"additionalProperties":false,"properties":{
                "amount":{"anyOf":[{"type":"integer","minimum":1,"maximum":9007199254740991},
                {"type":"integer","minimum":-9007199254740991,"maximum":-1}],
                "description":"Credits to add, or to take away when below zero."},
                "reason":{"type":"string","minLength":1,"maxLength":255,"description":"Why, for the ledger and the audit."}}}
                """
            ),
            (
                "LedgerReport",
                """
                {"type":"object","required":["ok","postings","head","sums","violation"],"properties":{
                "ok":{"type":"boolean"},"postings":{"type":"integer"},"head":{"type":"string"},
                "sums":{"type":"object","additionalProperties":{"type":"integer"}},
                "violation":{"type":["object","null"]}}}
                """
            ),
            (
                "Resolution",
                """
                {"type":"object","required":["action"],"additionalProperties":false,"properties":{
                "action":{"type":"string","enum":["resubmit","fail"],
                "description":"The provider has no such job: send it again. Or give up: the credits come back."}}}
                """
            ),
            (
                "Replay",
                """
                {"type":"object","additionalProperties":false,"anyOf":[{"required":["endpoint"],"not":{"required":["event"]}},
                {"required":["event"],"not":{"anyOf":[{"required":["since"]},{"required":["until"]}]}}],
                "properties":{"endpoint":{"type":"string","format":"uuid",
                "description":"What had no success there."},"event":{"type":"string","format":"uuid",
                "description":"One event by its webhook-id, whatever became of it; without since and until."},
                "since":{"type":["string","null"],"format":"date-time","description":"Events of this time and later."},
                "until":{"type":["string","null"],"format":"date-time","description":"Events before this time."}}}
                """
            ),
            (
                "ProviderTest",
                """
                {"type":"object","required":["provider","ok","message","milliseconds"],"properties":{
                "provider":{"type":"string"},"ok":{"type":"boolean"},"message":{"type":"string"},
                "milliseconds":{"type":"integer"},"balance":{"type":["string","null"]}}}
                """
            ),
            (
                "Backup",
                """
                {"type":"object","required":["path"],"additionalProperties":false,"properties":{
                "path":{"type":"string","minLength":1,"maxLength":4096,"pattern":"^/",
                "description":"A file that is not there yet, on the gateway's own machine."},
                "files":{"type":["string","null"],"minLength":1,"maxLength":4096,"pattern":"^/",
                "description":"The directory for pictures and models; null: none of them."},
                "master_key":{"type":"boolean","default":true,"description":"Whether the key is put beside the files."}}}
                """
            ),
            (
                "BackedUp",
                """
                {"type":"object","required":["message","path","files","master_key"],"properties":{
                "message":{"type":"string"},"path":{"type":"string"},"files":{"type":["string","null"]},
                "file_count":{"type":["integer","null"]},"file_bytes":{"type":["integer","null"]},
                "master_key":{"type":"boolean"}}}
                """
            ),
            ("Message", #"{"type":"object","required":["message"],"properties":{"message":{"type":"string"}}}"#),
            (
                "Reloaded",
                #"{"type":"object","required":["changed"],"properties":{"changed":{"type":"array","items":{"type":"string"}}}}"#
            ),
        ]
}
