/// The schema, step by step, embedded in the binary. A file that has been released is never edited: its bytes are
/// checksummed in every database it made. What changes is a new file at the end.
package struct Migration: Sendable {
    /// Becomes `PRAGMA user_version` when it is in.
    package let number: Int
    package let name: String
    package let sql: [UInt8]

    package init(number: Int, name: String, sql: [UInt8]) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    package static let all: [Migration] = [
        Migration(number: 1, name: "accounts", sql: PackageResources._001_accounts_sql),
        Migration(number: 2, name: "tasks", sql: PackageResources._002_tasks_sql),
        Migration(number: 3, name: "ledger", sql: PackageResources._003_ledger_sql),
        Migration(number: 4, name: "webhooks", sql: PackageResources._004_webhooks_sql),
        Migration(number: 5, name: "operations", sql: PackageResources._005_operations_sql),
        Migration(number: 6, name: "lists", sql: PackageResources._006_lists_sql),
        Migration(number: 7, name: "budgets", sql: PackageResources._007_budgets_sql),
    ]
}
