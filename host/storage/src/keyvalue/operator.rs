//! What whoever runs the host may do with guests' data: see all of it, bring some in, take it away.

use std::sync::Arc;

use hostel_model::limits::KeyValueLimits;
use hostel_model::name::{BucketName, ServiceName};

use super::KeyValue;
use super::admission::Admission;
use super::change::{Answer, Change};
use super::error::KeyValueError;
use super::table::{self, Space, Usage};
use crate::error::StorageError;

/// What one bucket keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUsage {
    /// The bucket.
    pub bucket: BucketName,
    /// Its keys and bytes.
    pub usage: Usage,
}

impl KeyValue {
    /// Every service that keeps something, in the order of their names, whether or not it is still deployed.
    ///
    /// # Errors
    /// I/O.
    pub fn services(&self) -> Result<Vec<(ServiceName, Usage)>, StorageError> {
        let found = self.front.database.read(|transaction| table::services(&transaction.open_table(table::USAGE)?))?;
        let parse = |(name, usage): (String, Usage)| match ServiceName::parse(&name) {
            Ok(service) => Ok((service, usage)),
            Err(error) => Err(self.front.database.corrupt(&error)),
        };
        found.into_iter().map(parse).collect()
    }

    /// The buckets of `service` in which there is something, in the order of their names. Reads all
    /// that is in them, so it blocks for as long as that takes.
    ///
    /// # Errors
    /// I/O.
    pub fn buckets(&self, service: &ServiceName) -> Result<Vec<BucketUsage>, StorageError> {
        let found =
            self.front.database.read(|transaction| table::buckets(&table::entries(transaction)?, service.as_str()))?;
        let parse = |(name, usage): (String, Usage)| match BucketName::from_identifier(&name) {
            Ok(bucket) => Ok(BucketUsage { bucket, usage }),
            Err(error) => Err(self.front.database.corrupt(&error)),
        };
        found.into_iter().map(parse).collect()
    }

    /// Takes away all that `service` keeps, or what is in `bucket`, and says how much it was.
    ///
    /// It goes in many commits between which others write. What the service writes meanwhile may go
    /// with it or stay, and after an error a part is gone; repeating it takes the rest.
    ///
    /// # Errors
    /// As [`Bucket::delete`](super::Bucket::delete), but for the rate, which does not count here.
    pub async fn purge(&self, service: &ServiceName, bucket: Option<&BucketName>) -> Result<Usage, KeyValueError> {
        let buckets = match bucket {
            Some(bucket) => vec![bucket.clone()],
            None => self.buckets(service)?.into_iter().map(|found| found.bucket).collect(),
        };
        // Not the service's own: its waiting writes must not keep an operator out.
        let admission = Arc::new(Admission::default());
        let mut removed = Usage::default();
        for bucket in buckets {
            let space = Space { service: Arc::from(service.as_str()), bucket: Arc::from(bucket.as_str()) };
            let mut after = None;
            loop {
                let place = admission.enter(0)?;
                let change = Change::Clear { after };
                let answer = self.front.write(&space, (&KeyValueLimits::default(), None), change, place).await?;
                let Answer::Cleared { usage, cursor } = answer else {
                    return Err(KeyValueError::Closed);
                };
                removed = Usage { keys: removed.keys + usage.keys, bytes: removed.bytes + usage.bytes };
                if cursor.is_none() {
                    break;
                }
                after = cursor;
            }
        }
        Ok(removed)
    }
}
