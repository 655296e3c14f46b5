"""Batches of photos: scored in the background, kept as plain files, reviewed by people."""

from hvit.batches.folder import Batch as Batch
from hvit.batches.folder import BatchError as BatchError
from hvit.batches.folder import create_batch as create_batch
from hvit.batches.folder import delete_batch as delete_batch
from hvit.batches.folder import list_batches as list_batches
from hvit.batches.folder import open_batch as open_batch
