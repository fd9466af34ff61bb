from haystack import indexes

from .models import Note


class NoteIndex(indexes.SearchIndex, indexes.Indexable):
    text = indexes.CharField(document=True, use_template=True)
    author = indexes.CharField(model_attr="user")
    pub_date = indexes.DateTimeField(model_attr="pub_date")

    def get_model(self):
        return Note

    def index_queryset(self, using=None):
        return self.get_model().objects.all()
